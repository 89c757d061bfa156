/** Pictures as rows that go by: what cuts and resizes them tells where each row is, and holds no more than a few. */
import type { Pixels } from './decode.ts'
import type { Kernels } from './kernels/kernels.ts'

/** A rectangle of whole pixels; x2 and y2 are exclusive. */
export interface PixelRect {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

/** The whole picture as its rectangle. */
export const wholeRect = ({ width, height }: Pixels): PixelRect => ({ x1: 0, y1: 0, x2: width, y2: height })

/** Where the rows of a picture go, from the top down; very wide ones in strips from the left, each from the top down. */
export interface RowTarget {
  /** Where in the kernels' memory the RGB pixels of row `y` from column `x` on go. */
  readonly addressOf: (x: number, y: number) => number
  /** Told when `count` of them are there. */
  readonly onRow: (x: number, y: number, count: number) => void
}

/** A picture of height · width · 3 bytes whose rows `lay` makes. */
export function bytesOf(
  kernels: Kernels,
  width: number,
  height: number,
  lay: (target: RowTarget) => void,
): Uint8Array<ArrayBuffer> {
  return kernels.lend(() => {
    const size = width * height * 3
    const at = kernels.take(size)
    lay({ addressOf: (x, y) => at + (y * width + x) * 3, onRow: () => undefined })
    return kernels.bytes.slice(at, at + size)
  })
}

/** A stretch of output columns, and the source columns that they are made of. */
export interface Strip {
  readonly x: number
  readonly width: number
  /** x2 is exclusive; both may lie outside the picture, which goes on with its outermost pixels there. */
  readonly from: { readonly x1: number; readonly x2: number }
}

/** Pixels of a source row that are held at a time: a picture of any width passes through the same few megabytes. */
const widest = 16_384

/** Cuts `width` output columns, of which one begins at `startOf` and ends before `endOf`, into strips; most pictures are one. */
export function stripsOf(
  width: number,
  startOf: (column: number) => number,
  endOf: (column: number) => number,
): readonly Strip[] {
  const strips: Strip[] = []
  for (let x = 0; x < width; ) {
    let next = x + 1
    while (next < width && endOf(next) - startOf(x) <= widest) next += 1
    strips.push({ x, width: next - x, from: { x1: startOf(x), x2: endOf(next - 1) } })
    x = next
  }
  return strips
}
