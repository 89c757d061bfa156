/** Which threshold tells what is enrolled from what is not: the errors of each on pictures left out. Pure. */
import type { ItemThreshold, ThresholdPoint } from '@sightline/views/report/check-data.ts'
import type { LeftOut } from './leave-one-out.ts'

/** Thresholds are looked for and told in steps of this. */
const step = 0.005
const places = 3
/** Most that `careful` takes for something that it is not. */
const carefulShare = 0.01
/** An item has a threshold of its own only with so many pictures to tell it by. */
const fewestPictures = 3
/** … and where it saves so many errors: one is a matter of chance. */
const fewestSaved = 2

const isNamed = ({ own, other }: LeftOut, threshold: number): boolean =>
  own !== null && own.score >= threshold && own.score >= (other?.score ?? -1)

const isTaken = ({ other }: LeftOut, threshold: number): boolean => other !== null && other.score >= threshold

const share = (pictures: readonly LeftOut[], is: (one: LeftOut) => boolean): number =>
  pictures.filter(is).length / Math.max(pictures.length, 1)

/**
 * False accepts and false rejects are the false-positive and false-negative identification rates of open-set identification
 * (ISO/IEC 19795-1). A picture whose item has no other one can't be rejected falsely. Null where nothing can be told.
 */
export function pointAt(leftOut: readonly LeftOut[], threshold: number): ThresholdPoint | null {
  const enrolled = leftOut.filter(({ own }) => own !== null)
  const strangers = leftOut.filter(({ other }) => other !== null)
  if (enrolled.length === 0 || strangers.length === 0) return null
  return {
    threshold,
    falseAccept: share(strangers, (one) => isTaken(one, threshold)),
    falseReject: share(enrolled, (one) => !isNamed(one, threshold)),
  }
}

export interface Thresholds {
  readonly suggested: ThresholdPoint | null
  readonly careful: ThresholdPoint | null
  readonly curve: readonly ThresholdPoint[]
}

/** `suggested` has the least sum of both errors, in the middle of all that have it; `curve` has the points that differ, from low to high. */
export function suggestThresholds(leftOut: readonly LeftOut[]): Thresholds {
  const points: ThresholdPoint[] = []
  for (let index = Math.round(-1 / step); index <= Math.round(1 / step); index += 1) {
    const point = pointAt(leftOut, Number((index * step).toFixed(places)))
    if (point === null) return { suggested: null, careful: null, curve: [] }
    points.push(point)
  }
  const errors = ({ falseAccept, falseReject }: ThresholdPoint): number => falseAccept + falseReject
  const least = Math.min(...points.map(errors))
  const best = points.filter((point) => errors(point) === least)
  return {
    suggested: best[Math.floor((best.length - 1) / 2)] ?? null,
    careful: points.find(({ falseAccept }) => falseAccept <= carefulShare) ?? null,
    curve: points.filter(
      (point, index) =>
        index === 0 || errorsDiffer(point, points[index - 1]!) || errorsDiffer(point, points[index + 1]),
    ),
  }
}

const errorsDiffer = (a: ThresholdPoint, b: ThresholdPoint | undefined): boolean =>
  b !== undefined && (a.falseAccept !== b.falseAccept || a.falseReject !== b.falseReject)

/** Items that are better off with a threshold of their own, the most errors saved first. */
export function suggestItemThresholds(leftOut: readonly LeftOut[], general: number): readonly ItemThreshold[] {
  const taken = Map.groupBy(leftOut, ({ other }) => other?.item)
  const suggested: ItemThreshold[] = []
  for (const [item, own] of Map.groupBy(leftOut, ({ picture }) => picture.item)) {
    const strangers = taken.get(item) ?? []
    if (own.length < fewestPictures || !strangers.some((one) => isTaken(one, general))) continue
    const errors = (threshold: number): readonly [number, number] => [
      strangers.filter((one) => isTaken(one, threshold)).length,
      own.filter((one) => !isNamed(one, threshold)).length,
    ]
    const before = errors(general)
    let [best, after] = [general, before]
    for (const { other } of strangers) {
      const threshold = Number((Math.floor(other!.score / step) * step + step).toFixed(places))
      const found = errors(threshold)
      const [sum, least] = [found[0] + found[1], after[0] + after[1]]
      if (threshold <= 1 && (sum < least || (sum === least && threshold < best))) [best, after] = [threshold, found]
    }
    if (before[0] + before[1] - after[0] - after[1] < fewestSaved) continue
    const falseAccepts = [before[0], after[0]] as const
    suggested.push({
      item,
      label: own[0]!.picture.label,
      threshold: best,
      falseAccepts,
      falseRejects: [before[1], after[1]],
    })
  }
  const saved = ({ falseAccepts, falseRejects }: ItemThreshold): number =>
    falseAccepts[0] + falseRejects[0] - falseAccepts[1] - falseRejects[1]
  return suggested.sort((a, b) => saved(b) - saved(a) || (a.item < b.item ? -1 : 1))
}
