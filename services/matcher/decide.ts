/** From gallery hits to a decision for each box: candidates by item, threshold, unknown, and one answer per place. Pure. */
import type { Box } from '@sightline/shared/contracts/messages.ts'
import type { Candidate, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import type { Hit } from '@sightline/shared/gallery/gallery.ts'
import { iou, sharedOfSmaller } from '@sightline/shared/geometry/boxes.ts'

export interface DecideOptions {
  /** Least cosine similarity of a recognition. */
  readonly threshold: number
  /** Thresholds of single labels, above or below the general one. */
  readonly labelThresholds: ReadonlyMap<string, number>
  /** Of two recognized boxes that overlap more than this (IoU), the one with the lower recognition score is dropped. */
  readonly nmsIou: number
  /** Candidates to report for each object. */
  readonly candidates: number
}

/** A box with the most similar gallery pictures, best first. */
export interface Match {
  readonly box: Box
  readonly hits: readonly Hit[]
}

/** An unknown box that shares more than this with a recognized one (of the smaller box) is a part of it, or the pile it stands in. */
const coveredShare = 0.5

/** Of two recognized boxes of which one shares more than this with the other, the less similar one goes. */
const partShare = 0.8

/**
 * The objects of one frame: recognized ones by score, then unknown ones by detection score.
 *
 * PP-ShiTuV2 lets recognized boxes suppress each other at IoU 0.05 and silently omits the rest. Here an unknown box
 * stays in the answer as `item: null`, unless a recognized box covers the same place. An unrecognized whole frame is
 * no object: it was only a guess that the frame shows one thing.
 */
export function decide(matches: readonly Match[], options: DecideOptions): RecognizedObject[] {
  const judged = matches.map((match) => judge(match, options))
  const recognized = judged.filter(({ object }) => object.item !== null)
  const unknown = judged.filter(({ object, box }) => object.item === null && !box.wholeFrame)
  recognized.sort((a, b) => b.object.score - a.object.score)
  unknown.sort((a, b) => b.box.score - a.box.score)
  const kept: Judged[] = []
  for (const one of recognized) {
    if (kept.every((other) => !isSamePlace(one.box, other.box, options))) kept.push(one)
  }
  const apart = unknown.filter((one) => kept.every((other) => sharedOfSmaller(one.box, other.box) <= coveredShare))
  return [...kept, ...apart].map(({ object }) => object)
}

/**
 * The whole frame is another reading of all that is in it: it stands for one thing, or its boxes do. So does a box that lies
 * in another: the print on a package, seen closely, is no other product.
 */
const isSamePlace = (a: Box, b: Box, { nmsIou }: DecideOptions): boolean =>
  a.wholeFrame || b.wholeFrame || iou(a, b) > nmsIou || (nmsIou < 1 && sharedOfSmaller(a, b) > partShare)

/** The best score of each item, best first: an item enrolled with many pictures is still one candidate. */
export function candidatesOf(hits: readonly Hit[], most: number): Candidate[] {
  const byItem = new Map<string, Candidate>()
  for (const { item, label, score } of hits) {
    const known = byItem.get(item)
    if (known === undefined || score > known.score) byItem.set(item, { item, label, score })
  }
  return [...byItem.values()].sort((a, b) => b.score - a.score).slice(0, most)
}

interface Judged {
  readonly box: Box
  readonly object: RecognizedObject
}

function judge({ box, hits }: Match, options: DecideOptions): Judged {
  const candidates = candidatesOf(hits, options.candidates)
  const best = candidates[0]
  const isKnown = best !== undefined && best.score >= (options.labelThresholds.get(best.label) ?? options.threshold)
  return {
    box,
    object: {
      box: [box.x1, box.y1, box.x2, box.y2],
      detectionScore: box.score,
      item: isKnown ? best.item : null,
      label: isKnown ? best.label : null,
      score: best?.score ?? 0,
      candidates,
    },
  }
}
