/** The one table, and its figures as people read them. */
import { describe, expect, test } from 'vitest'
import type { Ratio } from '../../bench/part.ts'
import { figureText, json, numberText, table } from '../../bench/report.ts'

const share: Ratio = { of: 'the networks', by: 'CPU', better: 'more', rounds: [0.7, 0.5, 0.6], isDisturbed: false }
const disturbed: Ratio = { ...share, by: 'time', isDisturbed: true }
const amount: Ratio = { of: 'the first quarter', by: 'amount', better: 'less', rounds: [1.019], isDisturbed: false }

describe('the table', () => {
  test('has a line a row below its part, with medians, marks and reasons', () => {
    const text = table([
      {
        part: 'pipeline',
        rows: [
          {
            name: 'whole',
            figures: [
              { value: 51.27, unit: 'pictures/s' },
              { value: 24, unit: 'ms CPU' },
            ],
            ratios: [disturbed, share],
          },
          { name: 'official size', figures: [], missing: 'no graphs' },
        ],
      },
      { part: 'memory', rows: [{ name: 'last', figures: [{ value: 1187.4, unit: 'MiB' }], ratios: [amount] }] },
    ])
    expect(text.split('\n')).toEqual([
      '| | measured | beside it |',
      '|---|---|---|',
      '| **pipeline** | | |',
      '| whole | 51.3 pictures/s, 24.0 ms CPU | ~0.60 by time, 0.60 by CPU of the networks |',
      '| official size | not measured: no graphs |  |',
      '| **memory** | | |',
      '| last | 1,187 MiB | 1.02 of the first quarter |',
    ])
  })

  test.each([
    [1234567, '1,234,567'],
    [99.96, '100'],
    [12.345, '12.3'],
    [0.01234, '0.0123'],
    [0.0000001234, '1.23e-7'],
    [0, '0.00'],
    [Number.NaN, 'no number'],
  ])('writes %d as %s', (value, text) => {
    expect(numberText(value)).toBe(text)
  })

  test('writes as many digits as a figure asks for', () => {
    expect(figureText({ value: 0.999204, unit: 'cosine', digits: 5 })).toBe('0.99920 cosine')
  })

  test('is JSON with medians and rounds for machines', () => {
    const rows = [{ name: 'whole', figures: [], ratios: [share] }]
    expect(JSON.parse(json('a machine', [{ part: 'pipeline', rows }]))).toEqual({
      machine: 'a machine',
      parts: [{ part: 'pipeline', rows: [{ ...rows[0], ratios: [{ ...share, median: 0.6 }] }] }],
    })
  })
})
