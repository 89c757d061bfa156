/** OpenCV's resize for 8-bit RGB: half-pixel centres, replicated borders, no antialiasing, 11-bit fixed-point weights. */
import type { Pixels } from './decode.ts'
import type { Kernels } from './kernels/kernels.ts'
import { bytesOf, type PixelRect, type RowTarget, type Strip, stripsOf } from './rows.ts'

export type Interpolation = 'linear' | 'cubic'

/** What is cut out of a picture, and how large it is to be. */
export interface Cut {
  readonly picture: Pixels
  /** Lies inside the picture and is not empty. */
  readonly rect: PixelRect
  readonly width: number
  readonly height: number
  readonly interpolation: Interpolation
}

/** OpenCV's INTER_RESIZE_COEF_BITS: weights are multiples of 1 / 2048. */
const weightOne = 1 << 11

/** For each output position: the first of its source positions, which may lie outside, and the weights of all of them. */
interface Axis {
  readonly taps: 2 | 4
  readonly starts: Int32Array
  readonly weights: Int32Array
}

/** Cuts `rect` out of `picture` and resizes it, as cv2.resize(picture[y1:y2, x1:x2], …) does, row by row into `target`. */
export function resizeRows(kernels: Kernels, cut: Cut, target: RowTarget): void {
  const { rect, width, height, interpolation } = cut
  const [across, down] = [rect.x2 - rect.x1, rect.y2 - rect.y1]
  if (across === width && down === height) {
    copyRows(kernels, cut, target)
    return
  }
  const columns = axisOf(across, width, interpolation, true)
  const rows = axisOf(down, height, interpolation, false)
  const { starts, taps } = columns
  const strips = stripsOf(
    width,
    (x) => starts[x]!,
    (x) => starts[x]! + taps,
  )
  for (const strip of strips) kernels.lend(() => resizeStrip(kernels, cut, target, strip, columns, rows))
}

/** At its own size a picture stays as it is: each weight is 1 or 0. */
function copyRows(kernels: Kernels, { picture, rect, width, height }: Cut, target: RowTarget): void {
  for (let y = 0; y < height; y += 1) {
    const at = ((rect.y1 + y) * picture.width + rect.x1) * 3
    kernels.bytes.set(picture.data.subarray(at, at + width * 3), target.addressOf(0, y))
    target.onRow(0, y, width)
  }
}

/** As `resizeRows`, as height · width · 3 bytes. */
export const cropAndResize = (kernels: Kernels, cut: Cut): Uint8Array<ArrayBuffer> =>
  bytesOf(kernels, cut.width, cut.height, (target) => resizeRows(kernels, cut, target))

function resizeStrip(
  kernels: Kernels,
  { picture, rect, height }: Cut,
  target: RowTarget,
  { x, width, from }: Strip,
  columns: Axis,
  rows: Axis,
): void {
  const { loops } = kernels
  const { taps } = columns
  const isLinear = taps === 2
  const [across, down] = [rect.x2 - rect.x1, rect.y2 - rect.y1]
  const table = kernels.take(width * (1 + taps / 2) * 4)
  const window = kernels.take((from.x2 - from.x1) * 3)
  // Rows of the source at the new width are kept while output rows still need them.
  const lineBytes = width * 3 * (isLinear ? 2 : 4)
  const lines = Array.from({ length: taps }, () => kernels.take(lineBytes))
  const held = new Int32Array(taps).fill(-1)
  writeColumns(kernels.integers(table, width * (1 + taps / 2)), columns, x, width)

  const [x1, x2] = [Math.max(from.x1, 0), Math.min(from.x2, across)]
  const start = window + (x1 - from.x1) * 3
  const lineOf = (row: number): number => {
    const slot = row & (taps - 1)
    const line = lines[slot]!
    if (held[slot] === row) return line
    const at = ((rect.y1 + row) * picture.width + rect.x1) * 3
    kernels.bytes.set(picture.data.subarray(at + x1 * 3, at + x2 * 3), start)
    loops.repeatEnds(start, x2 - x1, x1 - from.x1, from.x2 - x2)
    if (isLinear) loops.linearRow(window, table, width, line)
    else loops.cubicRow(window, table, width, line)
    held[slot] = row
    return line
  }

  const { starts, weights } = rows
  for (let y = 0; y < height; y += 1) {
    const first = starts[y]!
    const tap = (index: number): number => lineOf(Math.min(Math.max(first + index, 0), down - 1))
    const to = target.addressOf(x, y)
    const w = y * taps
    if (isLinear) loops.blendLinear(tap(0), tap(1), weights[w]!, weights[w + 1]!, to, width * 3)
    else {
      const [a, b, c, d] = [weights[w]!, weights[w + 1]!, weights[w + 2]!, weights[w + 3]!]
      loops.blendCubic(tap(0), tap(1), tap(2), tap(3), a, b, c, d, to, width * 3)
    }
    target.onRow(x, y, width)
  }
}

/** A strip's columns as the loops read them: the byte offset of the first pixel, then the weights in pairs. */
function writeColumns(table: Int32Array, { taps, starts, weights }: Axis, x: number, width: number): void {
  const from = starts[x]!
  for (let column = x, at = 0; column < x + width; column += 1) {
    table[at++] = (starts[column]! - from) * 3
    for (let tap = column * taps; tap < (column + 1) * taps; tap += 2) {
      table[at++] = (weights[tap]! & 0xffff) | (weights[tap + 1]! << 16)
    }
  }
}

function axisOf(length: number, size: number, interpolation: Interpolation, isHorizontal: boolean): Axis {
  const taps = interpolation === 'linear' ? 2 : 4
  const starts = new Int32Array(size)
  const weights = new Int32Array(size * taps)
  const scale = length / size
  for (let index = 0; index < size; index += 1) {
    // OpenCV computes the position in float32.
    let fraction = Math.fround((index + 0.5) * scale - 0.5)
    let start = Math.floor(fraction)
    fraction = Math.fround(fraction - start)
    if (taps === 2) {
      // At the border OpenCV takes one pixel of a row, but blends a column's last row with itself: it rounds differently.
      if (isHorizontal && start < 0) [start, fraction] = [0, 0]
      if (isHorizontal && start >= length - 1) [start, fraction] = [length - 1, 0]
      weights[index * 2] = roundWeight(Math.fround(1 - fraction))
      weights[index * 2 + 1] = roundWeight(fraction)
    } else {
      cubicWeights(fraction, weights, index * 4)
      start -= 1
    }
    starts[index] = start
  }
  return { taps, starts, weights }
}

/** Keys' cubic convolution with a = -0.75, in float32 as OpenCV's interpolateCubic. */
function cubicWeights(x: number, weights: Int32Array, at: number): void {
  const a = -0.75
  const f = Math.fround
  const w0 = f(f(f(f(f(a * f(x + 1)) - 5 * a) * f(x + 1)) + 8 * a) * f(x + 1) - 4 * a)
  const w1 = f(f(f(f((a + 2) * x) - (a + 3)) * x) * x + 1)
  const w2 = f(f(f(f((a + 2) * f(1 - x)) - (a + 3)) * f(1 - x)) * f(1 - x) + 1)
  const w3 = f(f(f(1 - w0) - w1) - w2)
  weights[at] = roundWeight(w0)
  weights[at + 1] = roundWeight(w1)
  weights[at + 2] = roundWeight(w2)
  weights[at + 3] = roundWeight(w3)
}

/** cvRound: to the nearest, halves to even. */
function roundWeight(value: number): number {
  const scaled = value * weightOne
  const rounded = Math.round(scaled)
  return Math.abs(scaled % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}
