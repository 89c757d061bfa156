/**
 * Holds ratios against those that were stored for the same processor. Ratios, not figures: both sides of one were measured in
 * the same rounds. Those of the clock count only where the machine was the bench's own; those of processor time wherever it was not mostly others'.
 */
import { z } from 'zod'
import type { Ratio, Row } from './part.ts'
import type { Measured } from './report.ts'
import { median, quantile } from './statistics.ts'

/** Worse by more than this is a regression. */
export const mostWorse = 0.1

const storedSchema = z.object({
  made: z.string(),
  machine: z.string(),
  ratios: z.record(z.string(), z.object({ value: z.number(), better: z.enum(['more', 'less']) })),
})

/** By processor. */
export const baselinesSchema = z.record(z.string(), storedSchema)

export type Stored = z.infer<typeof storedSchema>

export interface Verdict {
  readonly id: string
  readonly part: string
  readonly stored: number
  /** Undefined where nothing was measured that could be judged. */
  readonly found: number | undefined
  /** How much worse, as a share of what was stored; less than 0 is better. */
  readonly worse: number
  readonly kind: 'held' | 'worse' | 'better' | 'not judged'
}

const idOf = (part: string, row: string, { of, by }: Ratio): string => `${part}: ${row}: by ${by} of ${of}`

/** What to store of a run: ratios of a disturbed machine are left out. */
export function ratiosOf(measured: readonly Measured[]): Stored['ratios'] {
  return Object.fromEntries(
    ratiosWithIds(measured)
      .filter(({ ratio }) => !ratio.isDisturbed)
      .map(({ id, ratio }) => [id, { value: Number(median(ratio.rounds).toFixed(4)), better: ratio.better }]),
  )
}

const ratiosWithIds = (measured: readonly Measured[]) =>
  measured.flatMap(({ part, rows }) =>
    rows.flatMap((row) => (row.ratios ?? []).map((ratio) => ({ id: idOf(part, row.name, ratio), part, ratio }))),
  )

/** A verdict for each stored ratio of the parts that were measured. What is new is held from the next baseline on. */
export function judge(stored: Stored['ratios'], measured: readonly Measured[]): readonly Verdict[] {
  const found = new Map(ratiosWithIds(measured).map(({ id, ratio }) => [id, ratio]))
  return Object.entries(stored).flatMap(([id, { value, better }]): Verdict[] => {
    const part = measured.find((one) => id.startsWith(`${one.part}: `))?.part
    if (part === undefined) return []
    const ratio = found.get(id)
    if (ratio === undefined || ratio.isDisturbed) {
      return [{ id, part, stored: value, found: undefined, worse: 0, kind: 'not judged' }]
    }
    const worse = ratio.rounds.map((now) => (better === 'more' ? 1 - now / value : now / value - 1))
    return [{ id, part, stored: value, found: median(ratio.rounds), worse: median(worse), kind: kindOf(worse) }]
  })
}

/** The median decides, and that the rounds agree: noise has them on both sides. */
function kindOf(worse: readonly number[]): Verdict['kind'] {
  if (median(worse) > mostWorse && quantile(worse, 0.25) > mostWorse / 2) return 'worse'
  if (median(worse) < -mostWorse && quantile(worse, 0.75) < -mostWorse / 2) return 'better'
  return 'held'
}

/** What a part came to when it was measured again: the rounds of both. */
export function pool(first: readonly Row[], again: readonly Row[]): readonly Row[] {
  return again.map((row) => {
    const before = first.find(({ name }) => name === row.name)
    const ratios = (row.ratios ?? []).map((ratio) => {
      const earlier = before?.ratios?.find(({ of, by }) => of === ratio.of && by === ratio.by)
      if (earlier === undefined || (earlier.isDisturbed && !ratio.isDisturbed)) return ratio
      if (ratio.isDisturbed && !earlier.isDisturbed) return earlier
      return { ...ratio, rounds: [...earlier.rounds, ...ratio.rounds] }
    })
    return { ...row, ratios }
  })
}

/** One line a verdict that is not simply held. */
export function verdictLines(verdicts: readonly Verdict[]): readonly string[] {
  const told = verdicts.filter(({ kind }) => kind !== 'held')
  const held = verdicts.length - told.length
  return [
    ...told.map(({ id, kind, stored, found, worse }) => {
      if (found === undefined) return `not judged  ${id}: not measured, or others used the machine`
      const percent = `${Math.abs(worse * 100).toFixed(0)} % ${worse > 0 ? 'worse' : 'better'}`
      return `${kind.padEnd(11)} ${id}: ${found.toFixed(3)}, was ${stored.toFixed(3)} (${percent})`
    }),
    `${held} of ${verdicts.length} ratios are within ${mostWorse * 100} % of the baseline`,
  ]
}
