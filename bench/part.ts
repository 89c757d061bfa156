/** What a part of the bench measures, and how it says so: rows of figures, each with the ratios that the gate holds. */

export interface Figure {
  readonly value: number
  /** `pictures/s`, `ms`, `MiB`, … */
  readonly unit: string
  /** Behind the point, where three that count would not tell. */
  readonly digits?: number
}

/** What is measured divided by something that was measured beside it, in the same rounds: this carries over to another day. */
export interface Ratio {
  /** What it is divided by, or of: `the bare networks`. */
  readonly of: string
  /** `time` is the clock's, and disturbed by whoever else uses the machine; `CPU` is what the processors were busy for it. */
  readonly by: 'time' | 'CPU' | 'amount'
  readonly better: 'more' | 'less'
  /** One a round. */
  readonly rounds: readonly number[]
  /** Others used the machine in most rounds, so that the clock tells little: shown, but never held against a baseline. */
  readonly isDisturbed: boolean
}

export interface Row {
  /** Unique in its part. */
  readonly name: string
  readonly figures: readonly Figure[]
  readonly ratios?: readonly Ratio[]
  /** Why there are no figures. */
  readonly missing?: string
}

export interface Options {
  /** A few minutes for the whole, to see whether something is badly off. */
  readonly quick: boolean
  /** Pictures, or messages, a round. @default the part's own */
  readonly items: number | undefined
  /** @default the part's own */
  readonly rounds: number | undefined
  /** Folder of pictures to play instead of made-up ones. */
  readonly pictures: string | undefined
  /** Folder of PP-ShiTuV2's two published programs: with it networks of the official size are measured, and the rival. */
  readonly graphs: string | undefined
  /** A line about what goes on. */
  readonly tell: (line: string) => void
}

export interface Part {
  readonly name: string
  /** One line, for the help. */
  readonly about: string
  /** Whether it is measured where no part is named. */
  readonly isUsual: boolean
  measure(options: Options): Promise<readonly Row[]>
}

/** What a machine lacks for a part; the report says it, and goes on. */
export class NotMeasured extends Error {
  override readonly name = 'NotMeasured'
}

/** As many as were asked for, else the usual or the quick number. */
export const amount = ({ quick }: Options, asked: number | undefined, usual: number, few: number): number =>
  asked ?? (quick ? few : usual)
