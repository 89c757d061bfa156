/** Holds the demo's answers against what is really in the frames. */

import type { RecognitionEvent } from '@sightline/shared/contracts/recognition-event.ts'
import { cornersOf, iou } from '@sightline/shared/geometry/boxes.ts'
import type { Score } from '@sightline/views/report/report-data.ts'
import type { TrueObject } from './shooting.ts'

export const noScore: Score = {
  enrolled: 0,
  enrolledFound: 0,
  enrolledNamed: 0,
  foreign: 0,
  foreignFound: 0,
  foreignUnknown: 0,
}

/** An object that others cover more than this need not be found. */
const leastVisible = 0.5

/**
 * An object is found where a box overlaps it with an IoU of 0.5 or more. It is rightly named where one of these boxes
 * bears its name and none another, and rightly unknown where none bears a name.
 */
export function scoreFrame(truth: readonly TrueObject[], { objects }: Pick<RecognitionEvent, 'objects'>): Score {
  let score = noScore
  for (const { item, box, visible } of truth) {
    if (visible < leastVisible) continue
    const place = cornersOf(box)
    const names = objects.filter((object) => iou(cornersOf(object.box), place) >= 0.5).map((object) => object.item)
    const found = names.length > 0 ? 1 : 0
    const given = names.filter((name) => name !== null)
    if (item === null) {
      const unknown = found === 1 && given.length === 0 ? 1 : 0
      score = addScores(score, { ...noScore, foreign: 1, foreignFound: found, foreignUnknown: unknown })
    } else {
      const named = given.length > 0 && given.every((name) => name === item) ? 1 : 0
      score = addScores(score, { ...noScore, enrolled: 1, enrolledFound: found, enrolledNamed: named })
    }
  }
  return score
}

export const addScores = (a: Score, b: Score): Score => ({
  enrolled: a.enrolled + b.enrolled,
  enrolledFound: a.enrolledFound + b.enrolledFound,
  enrolledNamed: a.enrolledNamed + b.enrolledNamed,
  foreign: a.foreign + b.foreign,
  foreignFound: a.foreignFound + b.foreignFound,
  foreignUnknown: a.foreignUnknown + b.foreignUnknown,
})
