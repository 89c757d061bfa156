/** The one table of what was measured, as Markdown for people and as JSON. */
import type { Figure, Ratio, Row } from './part.ts'
import { median } from './statistics.ts'

export interface Measured {
  readonly part: string
  readonly rows: readonly Row[]
}

/** A line a row, the parts one below the other; ratios are medians of rounds, a `~` marks those of a disturbed machine. */
export function table(measured: readonly Measured[]): string {
  const lines = measured.flatMap(({ part, rows }) => [
    `| **${part}** | | |`,
    ...rows.map((row) => `| ${row.name} | ${cell(row)} | ${ratiosText(row.ratios ?? [])} |`),
  ])
  return ['| | measured | beside it |', '|---|---|---|', ...lines].join('\n')
}

const cell = ({ figures, missing }: Row): string =>
  missing !== undefined ? `not measured: ${missing}` : figures.map(figureText).join(', ')

export const figureText = ({ value, unit, digits }: Figure): string =>
  `${digits === undefined ? numberText(value) : value.toFixed(digits)} ${unit}`.trim()

/** Three digits that count, and thousands apart. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return 'no number'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  const text = value.toPrecision(3)
  return text.includes('e') ? String(Number(text)) : text
}

/** `0.66 by time, 0.71 by CPU of the bare networks`. */
function ratiosText(ratios: readonly Ratio[]): string {
  const byWhat = Map.groupBy(ratios, ({ of }) => of)
  return [...byWhat]
    .map(([of, same]) => {
      const values = same.map((ratio) => {
        const value = `${ratio.isDisturbed ? '~' : ''}${median(ratio.rounds).toFixed(2)}`
        return ratio.by === 'amount' ? value : `${value} by ${ratio.by}`
      })
      return `${values.join(', ')} of ${of}`
    })
    .join('; ')
}

/** Everything, with the medians worked out. */
export function json(machine: string, measured: readonly Measured[]): string {
  const parts = measured.map(({ part, rows }) => ({
    part,
    rows: rows.map((row) => ({
      ...row,
      ratios: (row.ratios ?? []).map((ratio) => ({ ...ratio, median: median(ratio.rounds) })),
    })),
  }))
  return JSON.stringify({ machine, parts })
}
