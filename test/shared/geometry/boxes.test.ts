/** What boxes share, and which of those that overlap stay. */
import { describe, expect, test } from 'vitest'
import { cornersOf, intersection, iou, sharedOfSmaller } from '../../../shared/geometry/boxes.ts'
import { nonMaximumSuppression } from '../../../shared/geometry/suppress.ts'

const box = (x1: number, y1: number, x2: number, y2: number) => ({ x1, y1, x2, y2 })

describe('boxes', () => {
  test('intersection over union', () => {
    expect(iou(box(0, 0, 10, 10), box(0, 0, 10, 10))).toBe(1)
    expect(iou(box(0, 0, 10, 10), box(5, 0, 15, 10))).toBeCloseTo(1 / 3)
  })

  test('boxes that are apart, or only touch, share nothing', () => {
    for (const other of [box(20, 0, 30, 10), box(20, 20, 30, 30), box(10, 0, 20, 10)]) {
      expect(intersection(box(0, 0, 10, 10), other)).toBe(0)
      expect(iou(box(0, 0, 10, 10), other)).toBe(0)
    }
  })

  test('a box inside another shares all of the smaller one', () => {
    expect(sharedOfSmaller(box(0, 0, 10, 10), box(2, 2, 4, 4))).toBe(1)
    expect(sharedOfSmaller(box(0, 0, 10, 10), box(8, 0, 12, 4))).toBeCloseTo(0.5)
  })

  test('an event writes a box as four numbers', () => {
    expect(cornersOf([1, 2, 3, 4])).toEqual(box(1, 2, 3, 4))
  })
})

describe('non-maximum suppression', () => {
  const scored = (...scores: readonly number[]) =>
    [box(0, 0, 10, 10), box(0, 0, 10, 8), box(20, 0, 30, 10)].map((one, index) => ({ ...one, score: scores[index]! }))

  test('of two that overlap more than asked the one with the lower score goes', () => {
    expect(nonMaximumSuppression(scored(0.5, 0.9, 0.7), 0.6, 10)).toEqual([1, 2])
  })

  test('keeps both where they overlap less than asked', () => {
    expect(nonMaximumSuppression(scored(0.5, 0.9, 0.7), 0.9, 10)).toEqual([1, 2, 0])
  })

  test('of equals the first stays', () => {
    expect(nonMaximumSuppression(scored(0.5, 0.5, 0.5), 0.6, 10)).toEqual([0, 2])
  })

  test('keeps no more than asked, and of nothing nothing', () => {
    expect(nonMaximumSuppression(scored(0.5, 0.9, 0.7), 0.9, 2)).toEqual([1, 2])
    expect(nonMaximumSuppression([], 0.6, 10)).toEqual([])
  })
})
