/** Cutting in plain TypeScript, as it was before there were kernels: the tests hold them to its bytes. */
import type { Pixels } from '../../../shared/imaging/decode.ts'
import { cropAndResize, type Interpolation, type PixelRect, wholeRect } from './resize.ts'

/** Two taps see every pixel down to half the size; below, a large packshot would turn into speckles. */
const mostSkipped = 2

/**
 * Resizes `rect` of `picture` to width x height, which needs not keep its aspect ratio. An axis that shrinks to less than
 * half is averaged (cv2.INTER_AREA) instead of sampled. Returns height · width · 3 bytes.
 */
export function cutCrop(
  picture: Pixels,
  rect: PixelRect,
  width: number,
  height: number,
  interpolation: Interpolation,
): Uint8Array<ArrayBuffer> {
  const size = { width: rect.x2 - rect.x1, height: rect.y2 - rect.y1 }
  const shrunk = {
    width: size.width > mostSkipped * width ? width : size.width,
    height: size.height > mostSkipped * height ? height : size.height,
  }
  if (shrunk.width === size.width && shrunk.height === size.height) {
    return cropAndResize(picture, rect, width, height, interpolation)
  }
  const averaged = { data: average(picture, rect, shrunk.width, shrunk.height), ...shrunk }
  if (shrunk.width === width && shrunk.height === height) return averaged.data
  return cropAndResize(averaged, wholeRect(averaged), width, height, interpolation)
}

/** Shares of a mean are whole numbers that add up to this: integers are summed at more than twice the speed of floats. */
const one = 2 ** 16

/** Each output pixel is the mean of the source pixels under it, those at its border by their share; none of the axes may grow. */
export function average(picture: Pixels, rect: PixelRect, width: number, height: number): Uint8Array<ArrayBuffer> {
  const rows = spansOf(rect.y2 - rect.y1, height)
  const columns = spansOf(rect.x2 - rect.x1, width)
  const out = new Uint8Array(width * height * 3)
  const sums = new Int32Array((rect.x2 - rect.x1) * 3)
  for (const [y, { start, shares }] of rows.entries()) {
    sums.fill(0)
    for (let row = 0; row < shares.length; row += 4) addRows(picture, rect, start, shares, row, sums)
    let to = y * width * 3
    for (const span of columns) {
      let [red, green, blue] = [0, 0, 0]
      let from = span.start * 3
      for (let column = 0; column < span.shares.length; column += 1, from += 3) {
        const share = span.shares[column]!
        red += sums[from]! * share
        green += sums[from + 1]! * share
        blue += sums[from + 2]! * share
      }
      out[to] = Math.round(red / (one * one))
      out[to + 1] = Math.round(green / (one * one))
      out[to + 2] = Math.round(blue / (one * one))
      to += 3
    }
  }
  return out
}

/** Adds four rows from `start + row` on, by their shares; those beyond the last count nothing. */
function addRows(
  { data, width }: Pixels,
  { x1, y1 }: PixelRect,
  start: number,
  shares: Int32Array,
  row: number,
  sums: Int32Array,
): void {
  const at = (index: number): number => ((y1 + start + Math.min(row + index, shares.length - 1)) * width + x1) * 3
  const [a, b, c, d] = [at(0), at(1), at(2), at(3)]
  const [wa, wb, wc, wd] = [shares[row]!, shares[row + 1] ?? 0, shares[row + 2] ?? 0, shares[row + 3] ?? 0]
  for (let index = 0; index < sums.length; index += 1) {
    sums[index]! += (data[a + index]! * wa + data[b + index]! * wb + data[c + index]! * wc + data[d + index]! * wd) | 0
  }
}

/** Of this many the shares are rounded one by one, and the last one takes what that leaves; of more it would be too much. */
const mostAlone = 64

/** The source positions under an output position, and what each counts of its mean. */
interface Span {
  readonly start: number
  /** Of `one`. */
  readonly shares: Int32Array
}

function spansOf(length: number, size: number): Span[] {
  const scale = length / size
  return Array.from({ length: size }, (_, index) => {
    const [from, to] = [index * scale, Math.min((index + 1) * scale, length)]
    const start = Math.floor(from)
    // What rounding lets stick out of the last position is no pixel of its own.
    const end = Math.max(Math.ceil(to - 1e-6), start + 1)
    const shares = new Int32Array(end - start)
    const shareOf = (covered: number): number => Math.round((covered / (to - from)) * one)
    let left = one
    for (let position = 0; position < shares.length - 1; position += 1) {
      const [before, after] = [Math.max(start + position, from), Math.min(start + position + 1, to)]
      shares[position] = shares.length > mostAlone ? left - shareOf(to - after) : shareOf(after - before)
      left -= shares[position]!
    }
    shares[shares.length - 1] = left
    return { start, shares }
  })
}
