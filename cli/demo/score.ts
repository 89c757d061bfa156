/** Holds the demo's answers against what is really in the frames. */
import type { RecognitionEvent } from '@sightline/shared/contracts/recognition-event.ts'
import { iou } from '../eval/detection.ts'
import type { TrueObject } from './stage.ts'

export interface Score {
  /** Objects in the frames that are seen at least by half. */
  readonly objects: number
  /** Of these, those with a reported box (IoU 0.5 or more). */
  readonly found: number
  /** Of the found ones, those rightly named, or rightly called unknown. */
  readonly right: number
}

export const noScore: Score = { objects: 0, found: 0, right: 0 }

/** An object that others cover more than this need not be found. */
const leastVisible = 0.5

export function scoreFrame(truth: readonly TrueObject[], { objects }: Pick<RecognitionEvent, 'objects'>): Score {
  let score = noScore
  for (const { item, box, visible } of truth) {
    if (visible < leastVisible) continue
    const here = objects.filter((object) => iou(object.box, box) >= 0.5)
    score = addScores(score, {
      objects: 1,
      found: here.length > 0 ? 1 : 0,
      right: here.some((object) => object.item === item) ? 1 : 0,
    })
  }
  return score
}

export const addScores = (a: Score, b: Score): Score => ({
  objects: a.objects + b.objects,
  found: a.found + b.found,
  right: a.right + b.right,
})
