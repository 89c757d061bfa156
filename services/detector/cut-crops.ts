/** Cuts the crops of boxes from the full-resolution frame, at their own size up to a bound: what they are embedded at is not known here. */
import { average, cutCrop } from '@sightline/shared/imaging/crop.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import type { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import type { PixelRect } from '@sightline/shared/imaging/rows.ts'
import type { DetectedBox, Size } from './detected-box.ts'

/**
 * A longer side of a crop is averaged down to this: twice the side that embedders look at, which average it to their own with
 * next to nothing lost (`npm run bench -- crop-size`: the smallest bound that keeps the median cosine above 0.999).
 */
const longestSide = 448

/** One crop for each box, in order; where all together have more pixels than `mostPixels`, the largest are cut smaller. */
export function cutCrops(
  kernels: Kernels,
  picture: Pixels,
  boxes: readonly Omit<DetectedBox, 'score'>[],
  mostPixels: number,
): Pixels[] {
  const rects = boxes.map((box) => rectOf(box, picture))
  const side = sideFor(rects.map(sizeOf), mostPixels)
  return rects.map((rect) => {
    const size = sizeOf(rect)
    const [width, height] = [Math.min(size.width, side), Math.min(size.height, side)]
    const cut = { picture, rect, width, height, interpolation: 'linear' } as const
    const isShrunk = width < size.width || height < size.height
    return { data: isShrunk ? average(kernels, cut) : cutCrop(kernels, cut), width, height }
  })
}

/** The longest side that crops may have for all of them to have no more than `mostPixels`; at least one. */
function sideFor(sizes: readonly Size[], mostPixels: number): number {
  const pixels = (side: number): number =>
    sizes.reduce((sum, { width, height }) => sum + Math.min(width, side) * Math.min(height, side), 0)
  let [fits, above] = [1, longestSide + 1]
  if (pixels(longestSide) <= mostPixels) return longestSide
  while (above - fits > 1) {
    const middle = (fits + above) >> 1
    if (pixels(middle) <= mostPixels) fits = middle
    else above = middle
  }
  return fits
}

const sizeOf = ({ x1, y1, x2, y2 }: PixelRect): Size => ({ width: x2 - x1, height: y2 - y1 })

/** The reference cuts at whole pixels, rounded towards zero. */
function rectOf(box: Omit<DetectedBox, 'score'>, picture: Size): PixelRect {
  const x1 = Math.min(Math.trunc(box.x1), picture.width - 1)
  const y1 = Math.min(Math.trunc(box.y1), picture.height - 1)
  return { x1, y1, x2: Math.max(Math.trunc(box.x2), x1 + 1), y2: Math.max(Math.trunc(box.y2), y1 + 1) }
}
