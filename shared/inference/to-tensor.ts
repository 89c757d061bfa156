/** 8-bit RGB rows as the float32 values of a network's input, which lie in the kernels' memory and are used again for every run. */
import type { Kernels } from '../imaging/kernels/kernels.ts'
import type { RowTarget } from '../imaging/rows.ts'
import { axesOf } from './graph-check.ts'
import type { InputContract } from './model-manifest.ts'
import type { Tensor } from './session.ts'

/** What a byte can be. */
const levels = 256
const tableBytes = 3 * levels * 4

/** The one input tensor of a worker: `[pictures, 3, height, width]` or `[pictures, height, width, 3]`, as the contract says. */
export class InputTensor {
  readonly #kernels: Kernels
  readonly #input: InputContract
  readonly #axes: readonly [number, number, number]
  /** Bytes of one picture. */
  readonly #size: number
  readonly #row: number
  readonly #table: number

  constructor(kernels: Kernels, input: InputContract) {
    this.#kernels = kernels
    this.#input = input
    this.#axes = axesOf(input)
    this.#size = input.width * input.height * 3 * 4
    this.#row = aligned(input.width * 3)
    this.#table = kernels.hold(tableBytes)
    kernels.floats(this.#table, 3 * levels).set(normalizationTable(input))
  }

  /** Takes the rows of a picture, of the network's size, as number `picture` of the run; those before it stay as they are. */
  rowsOf(picture: number): RowTarget {
    this.#kernels.hold(tableBytes + this.#row + (picture + 1) * this.#size)
    const { loops } = this.#kernels
    const { width, height, layout, colorOrder } = this.#input
    const table = this.#table
    const row = table + tableBytes
    const start = row + this.#row + picture * this.#size
    const [step, channel] = layout === 'NCHW' ? [4, width * height * 4] : [12, 4]
    const [red, blue] = colorOrder === 'RGB' ? [start, start + 2 * channel] : [start + 2 * channel, start]
    const green = start + channel
    return {
      addressOf: (x) => row + x * 3,
      onRow(x, y, count) {
        const at = (y * width + x) * step
        loops.writeRow(row + x * 3, count, table, red + at, green + at, blue + at, step)
      },
    }
  }

  /** The first `pictures` of them, in place: valid until the memory grows or they are written again. */
  of(pictures: number): Tensor {
    const data = this.#kernels.floats(this.#table + tableBytes + this.#row, (pictures * this.#size) / 4)
    return { data, dims: [pictures, ...this.#axes] }
  }
}

/** The contract's `(x · scale - mean) / std` for every value a byte can have: 256 for red, for green and for blue. */
function normalizationTable({ scale, mean, std, colorOrder }: InputContract): Float32Array {
  const values = new Float32Array(3 * levels)
  for (let channel = 0; channel < 3; channel += 1) {
    // mean and std are in the network's order of channels.
    const plane = colorOrder === 'RGB' ? channel : 2 - channel
    for (let byte = 0; byte < levels; byte += 1) {
      values[channel * levels + byte] = (byte * scale - mean[plane]!) / std[plane]!
    }
  }
  return values
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64
