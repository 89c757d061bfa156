/** How hits become decisions. */
import { describe, expect, test } from 'vitest'
import { candidatesOf, type DecideOptions, decide, type Match } from '../../../services/matcher/decide.ts'

const options: DecideOptions = { threshold: 0.5, labelThresholds: new Map(), nmsIou: 0.05, candidates: 5 }

const box = (x1: number, y1: number, x2: number, y2: number, score = 0.9, wholeFrame = false) => ({
  ...{ x1, y1, x2, y2 },
  score,
  wholeFrame,
})
const hit = (item: string, score: number, id = `${item}-${score}`) => ({ id, item, label: item.toUpperCase(), score })
const match = (where: Match['box'], ...hits: Match['hits']): Match => ({ box: where, hits })

describe('the threshold', () => {
  test('names what is similar enough, with its candidates', () => {
    const [object] = decide([match(box(0, 0, 10, 10), hit('cola', 0.8), hit('beer', 0.3))], options)
    expect(object).toEqual({
      box: [0, 0, 10, 10],
      detectionScore: 0.9,
      item: 'cola',
      label: 'COLA',
      score: 0.8,
      candidates: [
        { item: 'cola', label: 'COLA', score: 0.8 },
        { item: 'beer', label: 'BEER', score: 0.3 },
      ],
    })
  })

  test('leaves what is not similar enough an explicit unknown, with the same candidates', () => {
    const [object] = decide([match(box(0, 0, 10, 10), hit('cola', 0.49))], options)
    expect(object).toMatchObject({ item: null, label: null, score: 0.49, candidates: [{ item: 'cola' }] })
  })

  test('is reached by equality', () => {
    expect(decide([match(box(0, 0, 1, 1), hit('cola', 0.5))], options)[0]?.item).toBe('cola')
  })

  test('of a label stands above the general one', () => {
    const strict = { ...options, labelThresholds: new Map([['COLA', 0.9]]) }
    expect(decide([match(box(0, 0, 1, 1), hit('cola', 0.8))], strict)[0]?.item).toBeNull()
    const lax = { ...options, labelThresholds: new Map([['COLA', 0.2]]) }
    expect(decide([match(box(0, 0, 1, 1), hit('cola', 0.3))], lax)[0]?.item).toBe('cola')
  })
})

test('an empty gallery makes everything unknown, with score 0', () => {
  expect(decide([match(box(0, 0, 1, 1))], options)).toMatchObject([{ item: null, score: 0, candidates: [] }])
})

test('an item enrolled with many pictures is one candidate, by its best', () => {
  const hits = [hit('a', 0.9), hit('a', 0.8), hit('b', 0.7), hit('a', 0.6), hit('c', 0.5)]
  expect(candidatesOf(hits, 2)).toEqual([
    { item: 'a', label: 'A', score: 0.9 },
    { item: 'b', label: 'B', score: 0.7 },
  ])
})

describe('overlapping boxes', () => {
  test('of recognized ones the best stays', () => {
    const found = decide([match(box(0, 0, 10, 10), hit('a', 0.6)), match(box(2, 2, 12, 12), hit('b', 0.9))], options)
    expect(found.map(({ item }) => item)).toEqual(['b'])
  })

  test('that only touch both stay', () => {
    const found = decide([match(box(0, 0, 10, 10), hit('a', 0.6)), match(box(10, 0, 20, 10), hit('b', 0.9))], options)
    expect(found.map(({ item }) => item)).toEqual(['b', 'a'])
  })

  test('of which one lies in the other are one thing, the more alike; unless nothing is to exclude anything', () => {
    const [whole, part] = [box(0, 0, 100, 100), box(20, 20, 40, 45)]
    const items = (first: number, second: number, nmsIou = 0.3) =>
      decide([match(whole, hit('a', first)), match(part, hit('b', second))], { ...options, nmsIou }).map(
        ({ item }) => item,
      )
    expect(items(0.9, 0.7)).toEqual(['a'])
    expect(items(0.7, 0.9)).toEqual(['b'])
    expect(items(0.9, 0.7, 1)).toEqual(['a', 'b'])
  })

  test('an unknown part of a recognized object is not reported, an unknown neighbour is', () => {
    const found = decide(
      [
        match(box(0, 0, 100, 100), hit('a', 0.9)),
        match(box(10, 10, 30, 30), hit('b', 0.1)),
        match(box(90, 0, 190, 100), hit('b', 0.2)),
      ],
      options,
    )
    expect(found.map(({ item, box: [x1] }) => [item, x1])).toEqual([
      ['a', 0],
      [null, 90],
    ])
  })

  test('an unknown box never hides a recognized one', () => {
    const found = decide([match(box(0, 0, 10, 10, 0.99)), match(box(0, 0, 10, 10, 0.3), hit('a', 0.7))], options)
    expect(found.map(({ item }) => item)).toEqual(['a'])
  })
})

describe('the whole frame', () => {
  test('is an answer when it is recognized', () => {
    expect(decide([match(box(0, 0, 9, 9, 0, true), hit('a', 0.7))], options)).toHaveLength(1)
  })

  test.each([
    [0.8, 0.7, ['frame']],
    [0.7, 0.8, ['box']],
  ])('stands for one thing, or its boxes do: the more alike ones win (%f, %f)', (frame, small, items) => {
    const matches = [
      match(box(0, 0, 100, 100, 0, true), hit('frame', frame)),
      match(box(10, 10, 15, 15), hit('box', small)),
    ]
    expect(decide(matches, options).map(({ item }) => item)).toEqual(items)
  })

  test('is no object when it is not', () => {
    expect(decide([match(box(0, 0, 9, 9, 0, true), hit('a', 0.4))], options)).toEqual([])
  })
})
