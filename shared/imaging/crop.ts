/** Cuts out what an embedder looks at: by OpenCV's resize as the reference does, averaged first where that would skip pixels. */
import type { Kernels } from './kernels/kernels.ts'
import { type Cut, resizeRows } from './resize.ts'
import { bytesOf, type RowTarget, type Strip, stripsOf, wholeRect } from './rows.ts'

/** Two taps see every pixel down to half the size; below, a large packshot would turn into speckles. */
const mostSkipped = 2

/**
 * Resizes a cut, which needs not keep its aspect ratio, row by row into `target`. An axis that shrinks to less than half is
 * averaged (cv2.INTER_AREA) instead of sampled.
 */
export function cutRows(kernels: Kernels, cut: Cut, target: RowTarget): void {
  const { rect, width, height } = cut
  const size = { width: rect.x2 - rect.x1, height: rect.y2 - rect.y1 }
  const shrunk = {
    width: size.width > mostSkipped * width ? width : size.width,
    height: size.height > mostSkipped * height ? height : size.height,
  }
  if (shrunk.width === size.width && shrunk.height === size.height) resizeRows(kernels, cut, target)
  else if (shrunk.width === width && shrunk.height === height) averageRows(kernels, cut, target)
  else {
    const picture = { data: average(kernels, { ...cut, ...shrunk }), ...shrunk }
    resizeRows(kernels, { ...cut, picture, rect: wholeRect(picture) }, target)
  }
}

/** As `cutRows`, as height · width · 3 bytes. */
export const cutCrop = (kernels: Kernels, cut: Cut): Uint8Array<ArrayBuffer> =>
  bytesOf(kernels, cut.width, cut.height, (target) => cutRows(kernels, cut, target))

/** Each output pixel is the mean of the source pixels under it, those at its border by their share; none of the axes may grow. */
export const average = (kernels: Kernels, cut: Omit<Cut, 'interpolation'>): Uint8Array<ArrayBuffer> =>
  bytesOf(kernels, cut.width, cut.height, (target) => averageRows(kernels, cut, target))

function averageRows(kernels: Kernels, cut: Omit<Cut, 'interpolation'>, target: RowTarget): void {
  const { rect, width, height } = cut
  const columns = spansOf(rect.x2 - rect.x1, width)
  const rows = spansOf(rect.y2 - rect.y1, height)
  const strips = stripsOf(
    width,
    (x) => columns[x]!.start,
    (x) => columns[x]!.start + columns[x]!.shares.length,
  )
  for (const strip of strips) {
    const under = columns.slice(strip.x, strip.x + strip.width)
    kernels.lend(() => averageStrip(kernels, cut, target, strip, under, rows))
  }
}

/** Bytes of source rows that are looked at together. */
const windowBytes = 65_536

function averageStrip(
  kernels: Kernels,
  { picture, rect }: Omit<Cut, 'interpolation'>,
  target: RowTarget,
  { x, width, from }: Strip,
  columns: readonly Span[],
  rows: readonly Span[],
): void {
  const { loops } = kernels
  const rowBytes = (from.x2 - from.x1) * 3
  const most = Math.max(Math.floor(windowBytes / rowBytes), 1)
  const tableLength = columns.reduce((sum, { shares }) => sum + 2 + shares.length, 0)
  const table = kernels.take(tableLength * 4)
  const window = kernels.take(most * rowBytes)
  const sums = kernels.take(rowBytes * 4)
  writeColumns(kernels.integers(table, tableLength), columns, from.x1)

  const { bytes } = kernels
  const stride = picture.width * 3
  const first = (rect.x1 + from.x1) * 3
  /** Puts `count` rows from `row` on into the window. */
  const load = (row: number, count: number): void => {
    const at = (rect.y1 + row) * stride + first
    if (rowBytes === stride) {
      bytes.set(picture.data.subarray(at, at + count * stride), window)
      return
    }
    for (let index = 0; index < count; index += 1) {
      bytes.set(picture.data.subarray(at + index * stride, at + index * stride + rowBytes), window + index * rowBytes)
    }
  }

  for (const [y, { start, shares }] of rows.entries()) {
    bytes.fill(0, sums, sums + rowBytes * 4)
    for (let row = 0; row < shares.length; row += most) {
      const count = Math.min(most, shares.length - row)
      load(start + row, count)
      addRows(loops, window, rowBytes, shares.subarray(row, row + count), sums)
    }
    loops.averageColumns(sums, table, width, target.addressOf(x, y))
    target.onRow(x, y, width)
  }
}

/** The loop takes four rows at a time, with shares that fit in 16 bits with a sign. */
const rowsAtOnce = 4
const mostShare = 2 ** 15 - 1

/** Adds rows that lie one behind the other, by their shares; a row whose share is too large for the loop goes by in equal parts. */
function addRows(loops: Kernels['loops'], window: number, rowBytes: number, shares: Int32Array, sums: number): void {
  const at = [window, window, window, window] as [number, number, number, number]
  const part = [0, 0, 0, 0] as [number, number, number, number]
  let taken = 0
  const add = (): void => {
    part.fill(0, taken)
    loops.addRows(...at, part[0] | (part[1] << 16), part[2] | (part[3] << 16), sums, rowBytes)
    taken = 0
  }
  for (const [row, share] of shares.entries()) {
    let rest = share
    for (let parts = Math.ceil(share / mostShare); parts > 0; parts -= 1) {
      at[taken] = window + row * rowBytes
      part[taken] = Math.floor(rest / parts)
      rest -= part[taken]!
      taken += 1
      if (taken === rowsAtOnce) add()
    }
  }
  if (taken > 0) add()
}

/** A strip's columns as the loop reads them: the byte offset of the first sum, how many, and their shares. */
function writeColumns(table: Int32Array, columns: readonly Span[], from: number): void {
  let at = 0
  for (const { start, shares } of columns) {
    table[at] = (start - from) * 12
    table[at + 1] = shares.length
    table.set(shares, at + 2)
    at += 2 + shares.length
  }
}

/** Shares of a mean are whole numbers that add up to this: integers are summed at more than twice the speed of floats. */
const one = 2 ** 16

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
