/** Detection metrics in COCO's manner for one class: average precision and recall over scored boxes. */

import { area, type Corners, intersection, iou } from '@sightline/shared/geometry/boxes.ts'

export interface PictureResult {
  readonly truth: readonly Corners[]
  /** Regions whose objects need not be found; detections that lie in one are neither right nor wrong. */
  readonly ignore: readonly Corners[]
  readonly found: readonly { readonly box: Corners; readonly score: number }[]
}

export interface DetectionMetrics {
  readonly AP50: number
  /** Mean over the IoU thresholds 0.50, 0.55 … 0.95. */
  readonly AP: number
  /** Share of the true boxes found at IoU 0.50 by the 100 best detections of each picture. */
  readonly 'recall@100': number
}

const thresholds = Array.from({ length: 10 }, (_, index) => 0.5 + index * 0.05)
const mostDetections = 100

/** An unmatched detection is forgiven when this share of its own area lies in one ignore region. */
const ignoredShare = 0.5

/**
 * Each picture's detections, best first and at most 100, take the free true box of the highest IoU at or above the
 * threshold. AP is the mean of the interpolated precision at the recalls 0, 0.01 … 1 over all pictures' detections
 * sorted by score.
 */
export function detectionMetrics(pictures: readonly PictureResult[]): DetectionMetrics {
  const results = thresholds.map((threshold) => evaluateAt(pictures, threshold))
  const [at50] = results
  return {
    AP50: at50?.precision ?? 0,
    AP: results.reduce((sum, { precision }) => sum + precision, 0) / results.length,
    'recall@100': at50?.recall ?? 0,
  }
}

interface Judged {
  readonly score: number
  readonly isRight: boolean
}

function evaluateAt(
  pictures: readonly PictureResult[],
  threshold: number,
): { readonly precision: number; readonly recall: number } {
  const judged = pictures.flatMap((picture) => judge(picture, threshold)).sort((a, b) => b.score - a.score)
  const truth = pictures.reduce((sum, picture) => sum + picture.truth.length, 0)
  if (truth === 0) return { precision: 0, recall: 0 }
  const right = judged.filter(({ isRight }) => isRight).length
  return { precision: interpolatedPrecision(judged, truth), recall: right / truth }
}

function judge({ truth, ignore, found }: PictureResult, threshold: number): Judged[] {
  const free = new Set(truth.keys())
  const best = found.toSorted((a, b) => b.score - a.score).slice(0, mostDetections)
  return best.flatMap(({ box, score }): Judged[] => {
    let match = -1
    let highest = threshold
    for (const index of free) {
      const overlap = iou(box, truth[index]!)
      if (overlap >= highest) [match, highest] = [index, overlap]
    }
    if (match >= 0) {
      free.delete(match)
      return [{ score, isRight: true }]
    }
    const isIgnored = ignore.some((region) => intersection(box, region) / Math.max(area(box), 1e-12) >= ignoredShare)
    return isIgnored ? [] : [{ score, isRight: false }]
  })
}

function interpolatedPrecision(judged: readonly Judged[], truth: number): number {
  const points: { recall: number; precision: number }[] = []
  let right = 0
  for (const [index, { isRight }] of judged.entries()) {
    if (isRight) right += 1
    points.push({ recall: right / truth, precision: right / (index + 1) })
  }
  // Precision never rises with recall: each point takes the best of those to its right.
  for (let index = points.length - 2; index >= 0; index -= 1) {
    points[index]!.precision = Math.max(points[index]!.precision, points[index + 1]!.precision)
  }
  let sum = 0
  let next = 0
  for (let step = 0; step <= 100; step += 1) {
    while (next < points.length && points[next]!.recall < step / 100 - 1e-9) next += 1
    sum += points[next]?.precision ?? 0
  }
  return sum / 101
}
