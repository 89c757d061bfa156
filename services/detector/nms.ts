/** Greedy non-maximum suppression on flat arrays. */
import type { DetectedBox } from './detected-box.ts'

/** Boxes as x1, y1, x2, y2 in a row, and a score of each. */
export interface ScoredBoxes {
  readonly boxes: Float32Array
  readonly scores: Float32Array
}

export const toScoredBoxes = (boxes: readonly DetectedBox[]): ScoredBoxes => ({
  boxes: Float32Array.from(boxes.flatMap(({ x1, y1, x2, y2 }) => [x1, y1, x2, y2])),
  scores: Float32Array.from(boxes.map(({ score }) => score)),
})

/**
 * Indices of the boxes that stay, best score first, at most `most`: of two whose intersection over union exceeds `iou`
 * the one with the lower score goes. Equal scores keep their order.
 */
export function nonMaximumSuppression({ boxes, scores }: ScoredBoxes, iou: number, most: number): number[] {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b)
  const kept: number[] = []
  for (const candidate of order) {
    if (kept.length >= most) break
    if (kept.every((other) => overlap(boxes, candidate, other) <= iou)) kept.push(candidate)
  }
  return kept
}

/** Intersection over union of two boxes of the array. */
function overlap(boxes: Float32Array, a: number, b: number): number {
  const [ax1, ay1, ax2, ay2] = [boxes[a * 4]!, boxes[a * 4 + 1]!, boxes[a * 4 + 2]!, boxes[a * 4 + 3]!]
  const [bx1, by1, bx2, by2] = [boxes[b * 4]!, boxes[b * 4 + 1]!, boxes[b * 4 + 2]!, boxes[b * 4 + 3]!]
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1)
  const height = Math.min(ay2, by2) - Math.max(ay1, by1)
  if (width <= 0 || height <= 0) return 0
  const shared = width * height
  return shared / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared)
}
