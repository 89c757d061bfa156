/** All vectors in memory, 8 bits a value, searched exactly: nothing to train, tune, corrupt or compact. */
import { exactSearch, MetricKind } from 'usearch'

/** Rows are numbered from 0 without gaps: removing one moves the last into its place. */
export class ExactScan {
  readonly #dimension: number
  #rows: Int8Array
  #count = 0

  constructor(dimension: number) {
    this.#dimension = dimension
    this.#rows = new Int8Array(64 * dimension)
  }

  get count(): number {
    return this.#count
  }

  /** Writes a vector as a row; `row` may be `count`, which appends. */
  set(row: number, vector: Float32Array): void {
    if (row === this.#count) this.#grow()
    quantize(vector, this.#rows, row * this.#dimension)
  }

  /** Returns the row that moved into the place of the removed one, or the removed row itself if it was the last. */
  remove(row: number): number {
    const last = this.#count - 1
    this.#rows.copyWithin(row * this.#dimension, last * this.#dimension, this.#count * this.#dimension)
    this.#count = last
    return last
  }

  /** The `k` rows most alike, best first, with cosines that are only as good as 8 bits: to 0.01. */
  search(query: Float32Array, k: number): { readonly row: number; readonly score: number }[] {
    const most = Math.min(k, this.#count)
    if (most === 0) return []
    // usearch reads a query from the start of its buffer, whatever its offset: it gets one of its own.
    const quantized = new Int8Array(this.#dimension)
    quantize(query, quantized, 0)
    const found = exactSearch(
      this.#rows.subarray(0, this.#count * this.#dimension),
      quantized,
      this.#dimension,
      most,
      MetricKind.Cos,
      1,
    )
    return Array.from(found.keys, (key, index) => ({ row: Number(key), score: 1 - found.distances[index]! }))
  }

  #grow(): void {
    this.#count += 1
    if (this.#count * this.#dimension <= this.#rows.length) return
    const larger = new Int8Array(this.#rows.length * 2)
    larger.set(this.#rows)
    this.#rows = larger
  }
}

/** Scales to the full range of 8 bits: the cosine does not depend on the length. */
function quantize(vector: Float32Array, out: Int8Array, at: number): void {
  let largest = 1e-12
  for (const value of vector) largest = Math.max(largest, Math.abs(value))
  const scale = 127 / largest
  for (let index = 0; index < vector.length; index += 1) out[at + index] = Math.round(vector[index]! * scale)
}
