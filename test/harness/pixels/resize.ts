/** OpenCV's resize in plain TypeScript, as it was before there were kernels: the tests hold them to its bytes. */
import type { Pixels } from '../../../shared/imaging/decode.ts'

export type Interpolation = 'linear' | 'cubic'

/** A rectangle of whole pixels; x2 and y2 are exclusive. */
export interface PixelRect {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

/** OpenCV's INTER_RESIZE_COEF_BITS: weights are multiples of 1 / 2048. */
const weightBits = 11
const weightOne = 1 << weightBits
/** Both passes scale by 2048. */
const shift = 2 * weightBits
const half = 1 << (shift - 1)

/** For each output position: which source positions and with what weights, `taps` of each. */
interface Axis {
  readonly taps: 2 | 4
  readonly positions: Int32Array
  readonly weights: Int32Array
}

/**
 * Cuts `rect` out of `picture` and resizes it to width x height, as cv2.resize(picture[y1:y2, x1:x2], …) does.
 * Returns height · width · 3 bytes. The rectangle must lie inside the picture and not be empty.
 */
export function cropAndResize(
  picture: Pixels,
  rect: PixelRect,
  width: number,
  height: number,
  interpolation: Interpolation,
): Uint8Array<ArrayBuffer> {
  const columns = axisOf(rect.x1, rect.x2, width, interpolation, true)
  const rows = axisOf(rect.y1, rect.y2, height, interpolation, false)
  const out = new Uint8Array(width * height * 3)
  // Rows of the source, resized horizontally, are kept while output rows still need them.
  const lines = new Map<number, Int32Array>()
  const spare: Int32Array[] = []
  const used: Int32Array[] = new Array<Int32Array>(rows.taps)
  for (let y = 0; y < height; y += 1) {
    const first = rows.positions[y * rows.taps]!
    for (const [row, line] of lines) {
      if (row < first) {
        lines.delete(row)
        spare.push(line)
      }
    }
    for (let tap = 0; tap < rows.taps; tap += 1) {
      const row = rows.positions[y * rows.taps + tap]!
      let line = lines.get(row)
      if (line === undefined) {
        line = spare.pop() ?? new Int32Array(width * 3)
        resizeRow(picture, row, columns, width, line)
        lines.set(row, line)
      }
      used[tap] = line
    }
    if (rows.taps === 2) blend2(used, rows.weights, y, out, width * 3)
    else blend4(used, rows.weights, y, out, width * 3)
  }
  return out
}

/** The whole picture as its rectangle. */
export const wholeRect = ({ width, height }: Pixels): PixelRect => ({ x1: 0, y1: 0, x2: width, y2: height })

function axisOf(from: number, to: number, size: number, interpolation: Interpolation, isHorizontal: boolean): Axis {
  const taps = interpolation === 'linear' ? 2 : 4
  const positions = new Int32Array(size * taps)
  const weights = new Int32Array(size * taps)
  const length = to - from
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
    for (let tap = 0; tap < taps; tap += 1) {
      positions[index * taps + tap] = from + Math.min(Math.max(start + tap, 0), length - 1)
    }
  }
  return { taps, positions, weights }
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

function resizeRow(picture: Pixels, row: number, columns: Axis, width: number, line: Int32Array): void {
  const { data } = picture
  const { positions, weights } = columns
  const start = row * picture.width
  if (columns.taps === 2) {
    for (let x = 0; x < width; x += 1) {
      const a = (start + positions[x * 2]!) * 3
      const b = (start + positions[x * 2 + 1]!) * 3
      const wa = weights[x * 2]!
      const wb = weights[x * 2 + 1]!
      line[x * 3] = data[a]! * wa + data[b]! * wb
      line[x * 3 + 1] = data[a + 1]! * wa + data[b + 1]! * wb
      line[x * 3 + 2] = data[a + 2]! * wa + data[b + 2]! * wb
    }
    return
  }
  for (let x = 0; x < width; x += 1) {
    const a = (start + positions[x * 4]!) * 3
    const b = (start + positions[x * 4 + 1]!) * 3
    const c = (start + positions[x * 4 + 2]!) * 3
    const d = (start + positions[x * 4 + 3]!) * 3
    const wa = weights[x * 4]!
    const wb = weights[x * 4 + 1]!
    const wc = weights[x * 4 + 2]!
    const wd = weights[x * 4 + 3]!
    line[x * 3] = data[a]! * wa + data[b]! * wb + data[c]! * wc + data[d]! * wd
    line[x * 3 + 1] = data[a + 1]! * wa + data[b + 1]! * wb + data[c + 1]! * wc + data[d + 1]! * wd
    line[x * 3 + 2] = data[a + 2]! * wa + data[b + 2]! * wb + data[c + 2]! * wc + data[d + 2]! * wd
  }
}

function blend2(lines: readonly Int32Array[], weights: Int32Array, y: number, out: Uint8Array, length: number): void {
  const [a, b] = lines as [Int32Array, Int32Array]
  const wa = weights[y * 2]!
  const wb = weights[y * 2 + 1]!
  const at = y * length
  for (let x = 0; x < length; x += 1) {
    // OpenCV's vertical pass of the linear case drops low bits in this order.
    out[at + x] = (((wa * (a[x]! >> 4)) >> 16) + ((wb * (b[x]! >> 4)) >> 16) + 2) >> 2
  }
}

function blend4(lines: readonly Int32Array[], weights: Int32Array, y: number, out: Uint8Array, length: number): void {
  const [a, b, c, d] = lines as [Int32Array, Int32Array, Int32Array, Int32Array]
  const wa = weights[y * 4]!
  const wb = weights[y * 4 + 1]!
  const wc = weights[y * 4 + 2]!
  const wd = weights[y * 4 + 3]!
  const at = y * length
  for (let x = 0; x < length; x += 1) {
    const value = (a[x]! * wa + b[x]! * wb + c[x]! * wc + d[x]! * wd + half) >> shift
    out[at + x] = value < 0 ? 0 : Math.min(value, 255)
  }
}
