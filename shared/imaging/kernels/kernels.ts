/** The compiled loops over pixels with the memory they work in: one for each worker, never shared, and no larger than what it looks at. */
import { readFileSync } from 'node:fs'

/** What kernels.as.ts exports: addresses and counts are whole numbers. */
interface Loops {
  readonly firstAddress: () => number
  readonly repeatEnds: (row: number, pixels: number, before: number, after: number) => void
  readonly linearRow: (row: number, columns: number, width: number, line: number) => void
  readonly cubicRow: (row: number, columns: number, width: number, line: number) => void
  readonly blendLinear: (a: number, b: number, wa: number, wb: number, to: number, count: number) => void
  readonly blendCubic: (
    a: number,
    b: number,
    c: number,
    d: number,
    wa: number,
    wb: number,
    wc: number,
    wd: number,
    to: number,
    count: number,
  ) => void
  readonly addRows: (
    a: number,
    b: number,
    c: number,
    d: number,
    ab: number,
    cd: number,
    sums: number,
    count: number,
  ) => void
  readonly averageColumns: (sums: number, columns: number, width: number, to: number) => void
  readonly writeRow: (
    row: number,
    width: number,
    table: number,
    red: number,
    green: number,
    blue: number,
    step: number,
  ) => void
}

/** What is used of it: its types come with those of browsers alone. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Memory: new (pages: { readonly initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): number }
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

/** Compiled once a thread. */
const module = new WebAssembly.Module(readFileSync(new URL('./kernels.wasm', import.meta.url)))

const pageBytes = 65_536
/** What vectors read and write behind a row. */
const slack = 64

export class Kernels {
  readonly loops: Loops
  readonly #memory = new WebAssembly.Memory({ initial: 1 })
  #bytes = new Uint8Array(this.#memory.buffer)
  readonly #first: number
  /** Where what is held ends. */
  #held: number
  /** Where what is taken ends; null while nothing is lent. */
  #end: number | null = null

  constructor() {
    this.loops = new WebAssembly.Instance(module, { env: { memory: this.#memory } }).exports as Loops
    this.#first = aligned(this.loops.firstAddress())
    this.#held = this.#first
  }

  /** All of the memory, until it grows: `hold` and `take` do that. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes
  }

  /**
   * The first `size` bytes for good, for the one caller that keeps something between two pictures. It may ask again for more:
   * they stay where they are, so what is lent lies behind them, and only until the end of `lend`.
   */
  hold(size: number): number {
    if (this.#end !== null) throw new Error('memory is held while some is lent')
    this.#held = Math.max(this.#held, aligned(this.#first + size + slack))
    this.#reach(this.#held)
    return this.#first
  }

  /** Runs `work`; what it takes is free again afterwards. */
  lend<T>(work: () => T): T {
    const before = this.#end
    this.#end = before ?? this.#held
    try {
      return work()
    } finally {
      this.#end = before
    }
  }

  /** The address of `size` bytes, of whatever they were, until the end of `lend`. */
  take(size: number): number {
    const address = this.#end
    if (address === null) throw new Error('memory is taken outside of lend')
    this.#end = aligned(address + size + slack)
    this.#reach(this.#end)
    return address
  }

  /** 32-bit integers at an address, until the memory grows. */
  integers(address: number, count: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#memory.buffer, address, count)
  }

  /** float32 at an address, until the memory grows. */
  floats(address: number, count: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#memory.buffer, address, count)
  }

  #reach(end: number): void {
    const missing = end - this.#memory.buffer.byteLength
    if (missing <= 0) return
    this.#memory.grow(Math.ceil(missing / pageBytes))
    this.#bytes = new Uint8Array(this.#memory.buffer)
  }
}

const aligned = (address: number): number => Math.ceil(address / 64) * 64
