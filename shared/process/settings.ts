/** A service's settings: each declared once with its schema and help, read from environment variables, all problems told at once. */
import { z } from 'zod'
import { describeError, SightlineError } from '../errors/errors.ts'

export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** Takes the variable's text; a schema with a default makes the variable optional. */
  readonly schema: Schema
  /** One line for `--help`. */
  readonly help: string
  /** The value appears in no message. It can also be given as a file: NAME_FILE holds its path. */
  readonly isSecret?: boolean
}

/** Settings by name; `kafkaBrokers` is read from SIGHTLINE_KAFKA_BROKERS. */
export type Settings = Readonly<Record<string, Setting>>

export type SettingValues<Declared extends Settings> = {
  readonly [Name in keyof Declared]: z.output<Declared[Name]['schema']>
}

/** The variables of a process: a plain object, so that tests and other programs can give their own. */
export type Environment = Readonly<Record<string, string | undefined>>

const prefix = 'SIGHTLINE_'

/** `kafkaBrokers` becomes SIGHTLINE_KAFKA_BROKERS. */
export const variableName = (setting: string): string =>
  prefix + setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

/**
 * Reads and checks all settings. An empty variable is as good as none: compose files write `${NAME:-}`.
 *
 * @param readFile Reads the file of a secret; rejects where it can't.
 * @throws CONFIG_INVALID naming every variable that is wrong, and why; never a secret's value.
 */
export async function readSettings<const Declared extends Settings>(
  declared: Declared,
  environment: Environment,
  readFile: (path: string) => Promise<string>,
): Promise<SettingValues<Declared>> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, { schema, isSecret = false }] of Object.entries(declared)) {
    const variable = variableName(name)
    const text = await textOf(variable, isSecret, environment, readFile).catch((error: unknown) => {
      problems.push(`${variable}_FILE: ${describeError(error)}`)
      return undefined
    })
    const parsed = schema.safeParse(text)
    if (parsed.success) values[name] = parsed.data
    else for (const { message } of parsed.error.issues) problems.push(problem(variable, text, isSecret, message))
  }
  if (problems.length > 0) {
    const unique = [...new Set(problems)]
    throw new SightlineError(
      'CONFIG_INVALID',
      `the configuration is wrong:\n${unique.map((one) => `  ${one}`).join('\n')}`,
    )
  }
  return values as SettingValues<Declared>
}

/** Variables that look like settings but are none of this service's: a typing error, or meant for another service. */
export function unknownVariables(declared: Settings, environment: Environment): readonly string[] {
  const known = new Set(
    Object.entries(declared).flatMap(([name, { isSecret }]) =>
      isSecret === true ? [variableName(name), `${variableName(name)}_FILE`] : [variableName(name)],
    ),
  )
  return Object.keys(environment).filter((name) => name.startsWith(prefix) && !known.has(name))
}

/** Every variable with its default, for `--help`. */
export function describeSettings(declared: Settings): string {
  const rows = Object.entries(declared).map(([name, { schema, help, isSecret = false }]) => ({
    variable: variableName(name),
    help: `${help}${isSecret ? ` (or ${variableName(name)}_FILE, a file that holds it)` : ''}${defaultText(schema)}`,
  }))
  const width = Math.max(...rows.map(({ variable }) => variable.length))
  return rows.map(({ variable, help }) => `  ${variable.padEnd(width)}  ${help}`).join('\n')
}

async function textOf(
  variable: string,
  isSecret: boolean,
  environment: Environment,
  readFile: (path: string) => Promise<string>,
): Promise<string | undefined> {
  const given = environment[variable]?.trim()
  if (given !== undefined && given !== '') return given
  const path = isSecret ? (environment[`${variable}_FILE`] ?? '') : ''
  return path === '' ? undefined : (await readFile(path)).trim()
}

function problem(variable: string, text: string | undefined, isSecret: boolean, message: string): string {
  if (text === undefined) return `${variable} is missing: ${message}`
  return isSecret ? `${variable}: ${message}` : `${variable}=${text}: ${message}`
}

function defaultText(schema: z.ZodType): string {
  const { data } = schema.safeParse(undefined)
  if (data === undefined || data === '' || (typeof data === 'object' && !Array.isArray(data))) return ''
  return ` [${Array.isArray(data) ? data.join(',') : String(data)}]`
}

/** Building blocks of settings: each takes the variable's text and says what it takes instead. */
export const take = {
  text: () => z.string('give a text'),
  /** Comma-separated. */
  list: () =>
    z.string('give a list, separated by commas').transform((text) =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    ),
  switch: () => z.enum(['true', 'false'], 'takes true or false').transform((text) => text === 'true'),
  choice: <const Choices extends readonly [string, ...string[]]>(choices: Choices) =>
    z.enum(choices, `takes ${choices.join(', ')}`),
  parsed: <Value>(parse: (text: string) => Value | undefined, message: string) =>
    z.string(message).transform((text, context): Value => {
      const value = parse(text)
      if (value !== undefined) return value
      context.addIssue(message)
      return z.NEVER
    }),
  /** A JSON object of numbers, as a map. */
  numbers: (min: number, max: number) =>
    take.parsed(
      (text) => parseNumbers(text, min, max),
      `takes a JSON object of numbers from ${min} to ${max}, like {"name": ${min}}`,
    ),
  number: (min: number, max: number) => bounded(min, max, false),
  integer: (min: number, max: number) => bounded(min, max, true),
}

function parseNumbers(text: string, min: number, max: number): ReadonlyMap<string, number> | undefined {
  try {
    return new Map(Object.entries(z.record(z.string(), z.number().min(min).max(max)).parse(JSON.parse(text))))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined
    throw error
  }
}

function bounded(min: number, max: number, isInteger: boolean) {
  const message = `takes ${isInteger ? 'a whole number' : 'a number'} from ${min} to ${max}`
  return z
    .string(message)
    .transform((text) => Number(text))
    .refine((value) => value >= min && value <= max && (!isInteger || Number.isInteger(value)), message)
}
