/** The gate: ratios against those that were stored, and what others on the machine may not change about it. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Round, shares } from '../../bench/alternate.ts'
import { baselinesSchema, judge, pool, ratiosOf, verdictLines } from '../../bench/gate.ts'
import type { Ratio, Row } from '../../bench/part.ts'
import { median, quantile } from '../../bench/statistics.ts'

const ratio = (rounds: readonly number[], other: Partial<Ratio> = {}): Ratio => ({
  of: 'the networks',
  by: 'CPU',
  better: 'more',
  rounds,
  isDisturbed: false,
  ...other,
})
const rowOf = (...ratios: readonly Ratio[]): Row => ({ name: 'pair', figures: [], ratios })
const measured = (...ratios: readonly Ratio[]) => [{ part: 'pipeline', rows: [rowOf(...ratios)] }]
const kinds = (stored: readonly Ratio[], found: readonly Ratio[]) =>
  judge(ratiosOf(measured(...stored)), measured(...found)).map(({ kind }) => kind)

describe('the gate', () => {
  test('lets pass what is up to 10 % worse, and no more', () => {
    expect(kinds([ratio([0.8])], [ratio([0.721])])).toEqual(['held'])
    expect(kinds([ratio([0.8])], [ratio([0.719])])).toEqual(['worse'])
    expect(kinds([ratio([0.8])], [ratio([0.9])])).toEqual(['better'])
  })

  test('knows where less is better', () => {
    const less = { better: 'less', by: 'amount' } as const
    expect(kinds([ratio([1], less)], [ratio([1.09], less)])).toEqual(['held'])
    expect(kinds([ratio([1], less)], [ratio([1.11], less)])).toEqual(['worse'])
    expect(kinds([ratio([1], less)], [ratio([0.5], less)])).toEqual(['better'])
  })

  test('judges by the median of the rounds: one bad round is none', () => {
    expect(kinds([ratio([0.8])], [ratio([0.8, 0.1, 0.81])])).toEqual(['held'])
  })

  test('takes for noise what has the rounds on both sides, and for a regression what is there in most of them', () => {
    expect(kinds([ratio([0.8])], [ratio([0.5, 0.6, 0.79, 0.85, 0.69])])).toEqual(['held'])
    expect(kinds([ratio([0.8])], [ratio([0.7, 0.7, 0.69, 0.73, 0.85])])).toEqual(['worse'])
    expect(kinds([ratio([0.8])], [ratio([0.9, 0.79, 1.2, 0.79, 0.9])])).toEqual(['held'])
  })

  test('neither stores nor judges what others disturbed, and says so', () => {
    const disturbed = ratio([0.1], { by: 'time', isDisturbed: true })
    expect(ratiosOf(measured(disturbed))).toEqual({})
    const stored = ratiosOf(measured(ratio([0.8], { by: 'time' })))
    const verdicts = judge(stored, measured(disturbed))
    expect(verdicts).toMatchObject([{ kind: 'not judged', found: undefined }])
    expect(verdictLines(verdicts)[0]).toMatch(/not judged +pipeline: pair: by time of the networks/)
  })

  test('says of a row that is gone that it was not judged, and nothing of parts that were not asked for', () => {
    const stored = ratiosOf(measured(ratio([0.8])))
    expect(judge(stored, [{ part: 'pipeline', rows: [] }])).toMatchObject([{ kind: 'not judged' }])
    expect(judge(stored, [{ part: 'decode', rows: [] }])).toEqual([])
  })

  test('tells what is worse with both figures', () => {
    const lines = verdictLines(judge(ratiosOf(measured(ratio([0.8]))), measured(ratio([0.6]))))
    expect(lines).toEqual([
      'worse       pipeline: pair: by CPU of the networks: 0.600, was 0.800 (25 % worse)',
      '0 of 1 ratios are within 10 % of the baseline',
    ])
  })

  test('pools the rounds of a part that is measured again, undisturbed ones before others', () => {
    const again = pool([rowOf(ratio([0.5, 0.6]))], [rowOf(ratio([0.8, 0.9, 0.85]))])
    expect(again[0]!.ratios![0]!.rounds).toEqual([0.5, 0.6, 0.8, 0.9, 0.85])
    const [quiet, disturbed] = [ratio([0.8]), ratio([0.1], { isDisturbed: true })]
    expect(pool([rowOf(quiet)], [rowOf(disturbed)])[0]!.ratios).toEqual([quiet])
    expect(pool([rowOf(disturbed)], [rowOf(quiet)])[0]!.ratios).toEqual([quiet])
    expect(pool([], [rowOf(quiet)])).toEqual([rowOf(quiet)])
  })

  test('the stored baseline is one', () => {
    const file = new URL('../../bench/baseline.json', import.meta.url)
    expect(() => baselinesSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).not.toThrow()
  })
})

describe('shares of what was measured beside', () => {
  const round = (seconds: number, cpuSeconds: number, others = 0): Round => ({ items: 10, seconds, cpuSeconds, others })

  test('are one a round, by the clock and by processor time', () => {
    const [time, cpu] = shares([round(2, 4), round(4, 4)], [round(1, 2), round(1, 3)], 'it')
    expect(time).toMatchObject({ of: 'it', by: 'time', rounds: [0.5, 0.25], isDisturbed: false })
    expect(cpu).toMatchObject({ by: 'CPU', rounds: [expect.closeTo(0.5), expect.closeTo(0.75)] })
  })

  test('by the clock count only rounds that nobody disturbed, on either side', () => {
    const ours = [round(2, 3), round(9, 3, 0.5), round(2, 3), round(2, 3), round(2, 3)]
    const theirs = [round(1, 2), round(1, 2), round(1, 2), round(1, 2), round(9, 2, 0.5)]
    const [time, cpu] = shares(ours, theirs, 'it')
    expect(time).toMatchObject({ rounds: [0.5, 0.5, 0.5], isDisturbed: false })
    expect(cpu!.rounds).toHaveLength(5)
  })

  test.each([
    ['by the clock', 0.4, [true, false]],
    ["by both where the machine was mostly others'", 0.6, [true, true]],
  ])('are marked %s where too few rounds were undisturbed', (_what, others, marked) => {
    const busy = [round(2, 3, others), round(2, 3, others), round(2, 3)]
    const ratios = shares(busy, busy, 'it')
    expect(ratios.map(({ isDisturbed }) => isDisturbed)).toEqual(marked)
    for (const { rounds } of ratios) expect(rounds).toEqual([1, 1, 1])
  })
})

test('quantiles lie between the nearest values', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(quantile([1, 2, 3, 4, 5], 0.99)).toBeCloseTo(4.96)
  expect(median([])).toBeNaN()
})
