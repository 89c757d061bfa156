/** Greedy non-maximum suppression. */
import { type Corners, iou } from './boxes.ts'

export interface ScoredBox extends Corners {
  readonly score: number
}

/** As the reference computes, in float32. */
const toFloat32 = ({ x1, y1, x2, y2, score }: ScoredBox): ScoredBox => ({
  x1: Math.fround(x1),
  y1: Math.fround(y1),
  x2: Math.fround(x2),
  y2: Math.fround(y2),
  score: Math.fround(score),
})

/**
 * Indices of the boxes that stay, best score first, at most `most`: of two whose intersection over union exceeds `limit`
 * the one with the lower score goes. Equal scores keep their order.
 */
export function nonMaximumSuppression(found: readonly ScoredBox[], limit: number, most: number): number[] {
  const boxes = found.map(toFloat32)
  const order = Array.from(boxes.keys()).sort((a, b) => boxes[b]!.score - boxes[a]!.score || a - b)
  const kept: number[] = []
  for (const candidate of order) {
    if (kept.length >= most) break
    if (kept.every((other) => iou(boxes[candidate]!, boxes[other]!) <= limit)) kept.push(candidate)
  }
  return kept
}
