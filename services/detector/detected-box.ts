/** A box as every decoder gives it, and the way there from the network's input to the frame. */

/** A box in pixels of the frame. */
export interface DetectedBox {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  readonly score: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

/**
 * Scales boxes from a network input of size `from` to a frame of size `to`, clips them to it, and leaves out those
 * under a pixel wide or high: they are no boxes.
 */
export function toFrame(boxes: readonly DetectedBox[], from: Size, to: Size): DetectedBox[] {
  const scaleX = to.width / from.width
  const scaleY = to.height / from.height
  return boxes
    .map(({ x1, y1, x2, y2, score }) => ({
      x1: clamp(x1 * scaleX, to.width),
      y1: clamp(y1 * scaleY, to.height),
      x2: clamp(x2 * scaleX, to.width),
      y2: clamp(y2 * scaleY, to.height),
      score,
    }))
    .filter(({ x1, y1, x2, y2 }) => x2 - x1 >= 1 && y2 - y1 >= 1)
}

const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most)
