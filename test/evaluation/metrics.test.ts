/** The metrics on cases whose answer is known by hand. */
import { describe, expect, test } from 'vitest'
import { detectionMetrics, type PictureResult } from '../../evaluation/detection.ts'
import { type LabelledVector, retrievalMetrics } from '../../evaluation/retrieval.ts'

/** A unit vector in the plane, by its angle in degrees. */
const at = (label: string, degrees: number): LabelledVector => ({
  label,
  vector: Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)),
})

describe('retrieval', () => {
  test('counts the right label at the first place, among five, and ranks them all', () => {
    const gallery = [at('a', 0), at('b', 10), at('a', 30), at('c', 50), at('d', 60), at('e', 70), at('f', 80)]
    // 'a' from 0°: ranks 1 and 3. 'f' from 0°: rank 7. 'b' from 12°: rank 1.
    const found = retrievalMetrics([at('a', 0), at('f', 0), at('b', 12)], gallery)
    expect(found['recall@1']).toBeCloseTo(2 / 3)
    expect(found['recall@5']).toBeCloseTo(2 / 3)
    expect(found.mAP).toBeCloseTo(((1 + 2 / 3) / 2 + 1 / 7 + 1) / 3)
    expect(found).toMatchObject({ queries: 3, gallery: 7 })
  })

  test('misses a query whose label the gallery does not hold', () => {
    expect(retrievalMetrics([at('x', 0)], [at('a', 0)])).toMatchObject({ 'recall@1': 0, 'recall@5': 0, mAP: 0 })
  })

  test('of nothing is nothing, not NaN', () => {
    expect(retrievalMetrics([], [])).toMatchObject({ 'recall@1': 0, mAP: 0 })
  })
})

const picture = (fields: Partial<PictureResult>): PictureResult => ({ truth: [], ignore: [], found: [], ...fields })
const box = (x1: number, y1: number, x2: number, y2: number) => ({ x1, y1, x2, y2 })

describe('detection', () => {
  const truth = [box(0, 0, 10, 10), box(20, 20, 40, 40)]
  const right = [
    { box: truth[0]!, score: 0.9 },
    { box: truth[1]!, score: 0.8 },
  ]

  test('of all and nothing else is perfect', () => {
    expect(detectionMetrics([picture({ truth, found: right })])).toEqual({ AP50: 1, AP: 1, 'recall@100': 1 })
  })

  test('forgives what lies in an ignored region', () => {
    const found = [{ box: box(65, 5, 80, 20), score: 0.99 }, ...right]
    expect(detectionMetrics([picture({ truth, ignore: [box(60, 0, 100, 50)], found })]).AP50).toBe(1)
    expect(detectionMetrics([picture({ truth, found })]).AP50).toBeLessThan(1)
  })

  test('counts a second box on the same object as wrong', () => {
    const found = [right[0]!, { ...right[0]!, score: 0.8 }]
    expect(detectionMetrics([picture({ truth, found })])['recall@100']).toBe(0.5)
  })

  test('interpolates the precision at 101 recalls', () => {
    // One wrong, then one of two right: precision 1/2 up to recall 1/2, that is at 51 of 101 points.
    const found = [{ box: box(70, 70, 80, 80), score: 0.95 }, right[0]!]
    expect(detectionMetrics([picture({ truth, found })]).AP50).toBeCloseTo((51 * 0.5) / 101)
  })

  test('asks for more overlap at each threshold of AP', () => {
    // IoU 0.81: right at 0.50 … 0.80, wrong at 0.85, 0.90 and 0.95.
    const found = [{ box: box(0, 0, 9, 9), score: 0.9 }]
    const result = detectionMetrics([picture({ truth: [box(0, 0, 10, 10)], found })])
    expect(result.AP50).toBe(1)
    expect(result.AP).toBeCloseTo(0.7)
  })

  test('looks at the 100 best of a picture only', () => {
    const wrong = Array.from({ length: 100 }, (_, index) => ({ box: box(500 + index, 0, 501 + index, 1), score: 0.9 }))
    const late = { box: truth[0]!, score: 0.1 }
    expect(detectionMetrics([picture({ truth, found: [...wrong, late] })])['recall@100']).toBe(0)
  })

  test('of pictures without objects is nothing, not NaN', () => {
    expect(detectionMetrics([picture({ found: right })])).toEqual({ AP50: 0, AP: 0, 'recall@100': 0 })
  })
})
