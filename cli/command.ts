/** What a command of the `sightline` command line is, and how its arguments are read. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Work } from '@sightline/pipeline/work.ts'
import { describeError, usageError } from '@sightline/shared/errors/errors.ts'
import type { Environment } from '@sightline/shared/process/settings.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'

/** Where a command reads and writes: results go to `out`, everything for people to `err`. */
export interface Terminal {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  /** A person is watching `err`: progress bars and colours make sense. */
  readonly isInteractive: boolean
  /** Aborts on the first SIGINT or SIGTERM: finish what is under way, start nothing new. */
  readonly stop: AbortSignal
  readonly env: Environment
}

/** What long work needs of the terminal. */
export const workOn = (terminal: Terminal): Work => ({
  stop: terminal.stop,
  tell: terminal.err,
  progress: (what, total) => openProgress(terminal, what, total),
})

/** The parsed options of a command: text, switches, or the texts of a repeated option. */
export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

export interface Command {
  /** The words that call it: `gallery build`. */
  readonly name: string
  readonly summary: string
  /** Usage, every option and an example. */
  readonly help: string
  readonly options: ParseArgsOptionsConfig
  /** Returns the exit code: 0, or 1 where the work was done but not all of it succeeded. */
  run(values: Values, positionals: readonly string[], terminal: Terminal): Promise<number>
}

/** Parses the words after a command's name; what follows `--` are no options. Throws USAGE. */
export function parseCommandLine(
  command: Command,
  words: readonly string[],
): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({
      args: withNegativeNumbers(words, command.options),
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
  } catch (cause) {
    throw usageError(`${describeError(cause)}. See sightline ${command.name} --help`)
  }
}

/** Node's parser reads `--threshold=-1`, but takes the -1 of `--threshold -1` for an option; none of ours begins with a digit. */
function withNegativeNumbers(words: readonly string[], options: ParseArgsOptionsConfig): string[] {
  const end = words.includes('--') ? words.indexOf('--') : words.length
  const joined: string[] = []
  for (const word of words.slice(0, end)) {
    const before = joined.at(-1) ?? ''
    const takesText = before.startsWith('--') && options[before.slice(2)]?.type === 'string'
    if (takesText && /^-\.?\d/.test(word)) joined.push(`${joined.pop()}=${word}`)
    else joined.push(word)
  }
  return [...joined, ...words.slice(end)]
}

export function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

export function requiredText(values: Values, name: string): string {
  const value = text(values, name)
  if (value === undefined || value === '') throw usageError(`--${name} is missing`)
  return value
}

export function texts(values: Values, name: string): readonly string[] {
  const value = values[name]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

export const flag = (values: Values, name: string): boolean => values[name] === true

/** A number within bounds, `undefined` where the option is not given; throws USAGE. */
export function number(
  values: Values,
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly integer?: boolean },
): number | undefined {
  const value = text(values, name)
  if (value === undefined) return undefined
  const parsed = value.trim() === '' ? Number.NaN : Number(value)
  const fits = parsed >= bounds.min && parsed <= bounds.max && (bounds.integer !== true || Number.isInteger(parsed))
  if (!fits) {
    const kind = bounds.integer === true ? 'a whole number' : 'a number'
    throw usageError(`--${name} takes ${kind} from ${bounds.min} to ${bounds.max}, not '${value}'`)
  }
  return parsed
}

export function choice<const Choice extends string>(
  values: Values,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = text(values, name)
  if (value === undefined) return undefined
  const found = choices.find((one) => one === value)
  if (found === undefined) throw usageError(`--${name} takes ${choices.join(', ')}, not '${value}'`)
  return found
}
