/** A frame at the network's size, stretched or letterboxed, and the way back for the boxes that were found in it. */
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import type { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import { resizeRows } from '@sightline/shared/imaging/resize.ts'
import { bytesOf, type PixelRect, type RowTarget, wholeRect } from '@sightline/shared/imaging/rows.ts'
import type { DetectorInput } from '@sightline/shared/inference/model-manifest.ts'
import type { DetectedBox, Size } from './detected-box.ts'

/** Where a frame lies in the network's input. */
export interface Placement extends Size {
  readonly left: number
  readonly top: number
  /** Pixels of the frame for one of the input. */
  readonly scaleX: number
  readonly scaleY: number
}

/**
 * Without letterbox the whole input. With it, rounded as those do it that train such networks: Ultralytics' sides to the
 * nearest pixel and the odd pixel of the border at the right and bottom; YOLOX's sides cut off.
 */
export function placementOf({ width, height, letterbox }: DetectorInput, frame: Size): Placement {
  if (letterbox === undefined) {
    return { left: 0, top: 0, width, height, scaleX: frame.width / width, scaleY: frame.height / height }
  }
  const ratio = Math.min(width / frame.width, height / frame.height)
  const isCentred = letterbox.at === 'centre'
  const round = isCentred ? roundHalfEven : Math.trunc
  const inner = {
    width: Math.max(round(frame.width * ratio), 1),
    height: Math.max(round(frame.height * ratio), 1),
    scaleX: 1 / ratio,
    scaleY: 1 / ratio,
  }
  if (!isCentred) return { ...inner, left: 0, top: 0 }
  return { ...inner, left: Math.floor((width - inner.width) / 2), top: Math.floor((height - inner.height) / 2) }
}

/** Lays a frame, or the part of it in `rect`, into the network's input, row by row. */
export function layFrame(
  kernels: Kernels,
  pixels: Pixels,
  input: DetectorInput,
  target: RowTarget,
  rect: PixelRect = wholeRect(pixels),
): void {
  const { interpolation, letterbox } = input
  const { left, top, width, height } = placementOf(input, { width: rect.x2 - rect.x1, height: rect.y2 - rect.y1 })
  const cut = { picture: pixels, rect, width, height, interpolation }
  if (letterbox === undefined) {
    resizeRows(kernels, cut, target)
    return
  }
  const fill = (x: number, y: number, count: number): void => {
    if (count === 0) return
    const at = target.addressOf(x, y)
    kernels.bytes.fill(letterbox.pad, at, at + count * 3)
    target.onRow(x, y, count)
  }
  const [right, bottom] = [left + width, top + height]
  for (let y = 0; y < input.height; y += 1) {
    const isBeside = y >= top && y < bottom
    fill(0, y, isBeside ? left : input.width)
    if (isBeside) fill(right, y, input.width - right)
  }
  resizeRows(kernels, cut, {
    addressOf: (x, y) => target.addressOf(left + x, top + y),
    onRow: (x, y, count) => target.onRow(left + x, top + y, count),
  })
}

/** height · width · 3 bytes of RGB as the network sees the frame. */
export const toNetworkSize = (kernels: Kernels, pixels: Pixels, input: DetectorInput): Uint8Array<ArrayBuffer> =>
  bytesOf(kernels, input.width, input.height, (target) => layFrame(kernels, pixels, input, target))

/** Boxes of the input in pixels of the frame, clipped to it; those under a pixel wide or high are no boxes and left out. */
export function toFrame(boxes: readonly DetectedBox[], placement: Placement, frame: Size): DetectedBox[] {
  const { left, top, scaleX, scaleY } = placement
  return boxes
    .map(({ x1, y1, x2, y2, score }) => ({
      x1: clamp((x1 - left) * scaleX, frame.width),
      y1: clamp((y1 - top) * scaleY, frame.height),
      x2: clamp((x2 - left) * scaleX, frame.width),
      y2: clamp((y2 - top) * scaleY, frame.height),
      score,
    }))
    .filter(({ x1, y1, x2, y2 }) => x2 - x1 >= 1 && y2 - y1 >= 1)
}

const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most)

/** As Python's round. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
