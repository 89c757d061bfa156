/** How hits become decisions. */
import { describe, expect, test } from 'vitest'
import { candidatesOf, type DecideOptions, decide, type Match } from '../../../services/matcher/decide.ts'
import { noRules } from '../../../shared/gallery/rules.ts'

const options: DecideOptions = {
  threshold: 0.5,
  labelThresholds: new Map(),
  rules: noRules,
  nmsIou: 0.05,
  candidates: 5,
}

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
      margin: 0.5,
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

  test.each([
    ['of the gallery for an item goes before its label’s', { items: { cola: 0.7 }, labels: { COLA: 0.1 } }, {}, null],
    ['of the gallery for a label goes before the general one', { items: {}, labels: { COLA: 0.7 } }, {}, null],
    ['of the gallery may be lower', { items: { cola: 0.2 }, labels: {} }, {}, 'cola'],
    ['that the matcher is set to goes before all', { items: { cola: 0.9 }, labels: {} }, { COLA: 0.5 }, 'cola'],
  ])('%s', (_what, rules, labelThresholds, expected) => {
    const own = { ...options, rules, labelThresholds: new Map(Object.entries(labelThresholds)) }
    const score = expected === 'cola' && rules.items.cola === 0.2 ? 0.3 : 0.6
    expect(decide([match(box(0, 0, 1, 1), hit('cola', score))], own)[0]?.item).toBe(expected)
  })

  test('of an item with a name that every object has is none', () => {
    expect(decide([match(box(0, 0, 1, 1), hit('constructor', 0.6))], options)[0]?.item).toBe('constructor')
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

describe('how sure it is', () => {
  const two = [match(box(0, 0, 1, 1), hit('cola', 0.8), hit('cola', 0.75, 'other'), hit('beer', 0.6))]

  test('the margin is to the next item, not the next picture, also where one candidate is told', () => {
    expect(decide(two, { ...options, candidates: 1 })[0]).toMatchObject({ candidates: [{ item: 'cola' }] })
    expect(decide(two, { ...options, candidates: 1 })[0]?.margin).toBeCloseTo(0.2)
    expect(decide([match(box(0, 0, 1, 1), hit('cola', 0.8))], options)[0]).not.toHaveProperty('margin')
  })

  test('a probability is told where the gallery is calibrated, of unknowns too', () => {
    const calibration = { slope: 20, offset: -12, answers: 100, revision: 1 }
    const calibrated = { ...options, rules: { ...noRules, calibration } }
    expect(decide(two, options)[0]).not.toHaveProperty('probability')
    expect(decide(two, calibrated)[0]?.probability).toBeCloseTo(1 / (1 + Math.exp(-4)))
    expect(decide([match(box(0, 0, 1, 1), hit('cola', 0.4))], calibrated)[0]).toMatchObject({ item: null })
    expect(decide([match(box(0, 0, 1, 1), hit('cola', 0.4))], calibrated)[0]?.probability).toBeCloseTo(0.018, 3)
    expect(decide([match(box(0, 0, 1, 1))], calibrated)[0]).not.toHaveProperty('probability')
  })
})
