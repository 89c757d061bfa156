/** From similarity to probability: a logistic curve through right and wrong answers (Platt, 1999), and how true it is. Pure. */
import { type Calibration, probabilityOf } from '@sightline/shared/gallery/rules.ts'
import type { Reliability, ReliabilityBin } from '@sightline/views/report/check-data.ts'
import type { LeftOut } from './leave-one-out.ts'

/** The best candidate's similarity for a picture, and whether its name was right. */
export interface Answer {
  readonly score: number
  readonly isRight: boolean
  readonly weight: number
  /** Of the picture: answers about one item are judged together. */
  readonly item: string
}

/** Fewer right or wrong ones tell nothing. */
const fewestAnswers = 10
const folds = 5
const bins = 10

/**
 * Each picture asked twice: with its item's other pictures enrolled, and with none of them, when every name is wrong. The
 * two kinds count the same, as if half of what is in view were enrolled.
 */
export function answersOf(leftOut: readonly LeftOut[]): readonly Answer[] {
  const enrolled = leftOut.flatMap(({ picture: { item }, own, other }) =>
    own === null
      ? []
      : [{ item, score: Math.max(own.score, other?.score ?? -1), isRight: own.score >= (other?.score ?? -1) }],
  )
  const strangers = leftOut.flatMap(({ picture: { item }, other }) =>
    other === null ? [] : [{ item, score: other.score, isRight: false }],
  )
  const weighted = (some: readonly Omit<Answer, 'weight'>[]): Answer[] =>
    some.map((one) => ({ ...one, weight: 1 / some.length }))
  return [...weighted(enrolled), ...weighted(strangers)]
}

/** The curve of the greatest likelihood; null where there is too little to learn from, or more alike is not more often right. */
export function calibrate(answers: readonly Answer[]): Pick<Calibration, 'slope' | 'offset'> | null {
  const right = answers.filter(({ isRight }) => isRight).length
  if (right < fewestAnswers || answers.length - right < fewestAnswers) return null
  const total = answers.reduce((sum, { weight }) => sum + weight, 0)
  // Platt's targets: never quite 0 or 1, so that perfectly parted answers still have a curve.
  const [low, high] = [1 / (answers.length - right + 2), (right + 1) / (right + 2)]
  const mean = answers.reduce((sum, { score, weight }) => sum + score * weight, 0) / total
  let [slope, offset] = [0, 0]
  for (let turn = 0; turn < 100; turn += 1) {
    let [gradientSlope, gradientOffset, ss, so, oo] = [0, 0, 1e-9, 0, 1e-9]
    for (const { score, isRight, weight } of answers) {
      const x = score - mean
      const p = 1 / (1 + Math.exp(-(slope * x + offset)))
      const error = ((isRight ? high : low) - p) * weight
      const curvature = p * (1 - p) * weight
      gradientSlope += error * x
      gradientOffset += error
      ss += curvature * x * x
      so += curvature * x
      oo += curvature
    }
    const determinant = ss * oo - so * so
    if (!(determinant > 0)) break
    // Newton's step, kept within bounds: far off, the curvature tells little.
    const bound = (value: number, most: number): number => Math.min(Math.max(value, -most), most)
    const [stepSlope, stepOffset] = [
      bound((gradientSlope * oo - gradientOffset * so) / determinant, 10),
      bound((gradientOffset * ss - gradientSlope * so) / determinant, 2),
    ]
    slope += stepSlope
    offset += stepOffset
    if (Math.abs(stepSlope) + Math.abs(stepOffset) < 1e-9) break
  }
  return slope > 0 ? { slope, offset: offset - slope * mean } : null
}

/** Each answer's probability is said by a curve that has not seen its item; null where there is none. */
export function reliabilityOf(answers: readonly Answer[]): Reliability | null {
  const items = [...new Set(answers.map(({ item }) => item))].sort()
  const foldOf = new Map(items.map((item, index) => [item, index % folds]))
  const said: (Answer & { readonly probability: number })[] = []
  for (let fold = 0; fold < folds; fold += 1) {
    const curve = calibrate(answers.filter(({ item }) => foldOf.get(item) !== fold))
    if (curve === null) return null
    const judged = answers.filter(({ item }) => foldOf.get(item) === fold)
    said.push(...judged.map((one) => ({ ...one, probability: probabilityOf(one.score, curve) })))
  }
  const byBin = Map.groupBy(said, ({ probability }) => Math.min(Math.floor(probability * bins), bins - 1))
  const total = said.reduce((sum, { weight }) => sum + weight, 0)
  let error = 0
  const told = [...byBin]
    .sort(([a], [b]) => a - b)
    .map(([bin, some]): ReliabilityBin => {
      const weight = some.reduce((sum, one) => sum + one.weight, 0)
      const mean = some.reduce((sum, one) => sum + one.probability * one.weight, 0) / weight
      const right = some.reduce((sum, one) => sum + (one.isRight ? one.weight : 0), 0) / weight
      error += (Math.abs(mean - right) * weight) / total
      return { from: bin / bins, to: (bin + 1) / bins, answers: some.length, said: mean, right }
    })
  return { bins: told, error }
}
