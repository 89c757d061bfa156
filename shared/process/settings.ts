/**
 * Settings: each is declared once, with its type, bounds, default and text. Environment variables, flags of the command
 * line, Compose and the embedded mode are made from that declaration; all problems are told at once.
 */
import type { z } from 'zod'
import { describeError, SightlineError } from '../errors/errors.ts'

export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** Takes the text; a schema with a default, or an optional one, makes the setting optional. */
  readonly schema: Schema
  /** One line for `--help`. */
  readonly help: string
  /** The value appears in no message. */
  readonly isSecret?: boolean
  /** The value is the path of a file that is read. */
  readonly isFile?: boolean
  /** Where the command line has a flag for it. */
  readonly flag?: Flag
}

export interface Flag {
  /** Without the dashes. @default the setting's name, as max-boxes */
  readonly name?: string
  /** What stands for the value in a help text, as N. Without it the flag is a switch. */
  readonly value?: string
  /** The flag may be repeated: makes of all its values the text that the variable would have. Throws USAGE. */
  readonly join?: (texts: readonly string[]) => string
}

/** Settings by name; `kafkaBrokers` is read from SIGHTLINE_KAFKA_BROKERS. */
export type Settings = Readonly<Record<string, Setting>>

export type SettingValues<Declared extends Settings> = {
  readonly [Name in keyof Declared]: z.output<Declared[Name]['schema']>
}

/** What must hold between settings; typed where it is declared, beside them. */
export interface Rule<Checked = never> {
  /** What is wrong, null where all is well. `{kafkaTls}` in it becomes the name that the person knows it by. */
  readonly problem: (values: Checked) => string | null
}

/** Settings that belong together, with the rules between them. */
export interface SettingGroup<Declared extends Settings = Settings> {
  readonly settings: Declared
  readonly rules: readonly Rule[]
}

export const settingGroup = <const Declared extends Settings>(
  settings: Declared,
  rules: readonly Rule<SettingValues<Declared>>[] = [],
): SettingGroup<Declared> => ({ settings, rules })

/** The values of a group. */
export type ValuesOf<Group extends SettingGroup> =
  Group extends SettingGroup<infer Declared> ? SettingValues<Declared> : never

type Merged<Groups extends readonly SettingGroup[]> = Groups extends readonly [
  infer First extends SettingGroup,
  ...infer Rest extends readonly SettingGroup[],
]
  ? First['settings'] & Merged<Rest>
  : unknown

/** All settings and rules of several groups. */
export function combine<const Groups extends readonly SettingGroup[]>(
  ...groups: Groups
): Merged<Groups> extends infer Declared extends Settings ? SettingGroup<Declared> : never
export function combine(...groups: readonly SettingGroup[]): SettingGroup {
  return {
    settings: Object.assign({}, ...groups.map(({ settings }) => settings)) as Settings,
    rules: groups.flatMap(({ rules }) => rules),
  }
}

/** The variables of a process: a plain object, so that tests and other programs can give their own. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where settings are read from. */
export interface SettingSources {
  readonly environment: Environment
  /** Texts of flags by setting; they go before the environment. Undefined for a program that has none. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  /** Reads the file that a variable NAME_FILE names; rejects where it can't. */
  readonly readFile: (path: string) => Promise<string>
}

const prefix = 'SIGHTLINE_'

/** `kafkaBrokers` becomes SIGHTLINE_KAFKA_BROKERS. */
export const variableName = (setting: string): string =>
  prefix + setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

/** `maxBoxes` becomes --max-boxes, where its declaration says nothing else. */
export const flagName = (setting: string, flag: Flag): string =>
  flag.name ?? setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/**
 * Reads and checks all settings: of each the flag, else the file that SIGHTLINE_NAME_FILE names, else SIGHTLINE_NAME, else
 * its default. An empty variable is as good as none: compose files write `${NAME:-}`.
 *
 * @throws USAGE where a flag is wrong or missing, CONFIG_INVALID where a variable is, naming each with the reason; never
 *   with a secret's value.
 */
export async function readSettings<Declared extends Settings>(
  { settings, rules }: SettingGroup<Declared>,
  sources: SettingSources,
): Promise<SettingValues<Declared>> {
  const problems: Problem[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries<Setting>(settings)) {
    const text = await textOf(name, setting, sources, problems)
    const parsed = setting.schema.safeParse(text)
    if (parsed.success) values[name] = parsed.data
    else for (const { message } of parsed.error.issues) problems.push(problemOf(name, text, setting, sources, message))
  }
  // Rules speak of values: without those there is nothing to compare.
  if (problems.length === 0) {
    for (const { problem } of rules) {
      const text = problem(values as never)
      if (text !== null) problems.push(ruleProblem(text, settings, sources))
    }
  }
  if (problems.length === 0) return values as SettingValues<Declared>
  const lines = [...new Set(problems.map(({ message }) => message))]
  const isUsage = problems.some(({ isOfFlag }) => isOfFlag)
  if (isUsage && lines.length === 1) throw new SightlineError('USAGE', lines[0]!)
  throw new SightlineError(
    isUsage ? 'USAGE' : 'CONFIG_INVALID',
    `the configuration is wrong:\n${lines.map((line) => `  ${line}`).join('\n')}`,
  )
}

/** What settings come to where nothing but `given` is said: for programs that have neither variables nor flags. */
export function valuesFor<Declared extends Settings>(
  { settings }: SettingGroup<Declared>,
  given: Partial<SettingValues<Declared>>,
): SettingValues<Declared> {
  const defaults = Object.entries<Setting>(settings).map(([name, { schema }]) => [
    name,
    name in given ? undefined : schema.parse(undefined),
  ])
  return { ...Object.fromEntries(defaults), ...given } as SettingValues<Declared>
}

/** Variables that look like settings but are none of these: a typing error, or meant for another program. */
export function unknownVariables({ settings }: SettingGroup, environment: Environment): readonly string[] {
  const known = new Set(Object.keys(settings).flatMap((name) => [variableName(name), `${variableName(name)}_FILE`]))
  return Object.keys(environment).filter((name) => name.startsWith(prefix) && !known.has(name))
}

interface Problem {
  readonly message: string
  readonly isOfFlag: boolean
}

async function textOf(
  name: string,
  { flag }: Setting,
  { environment, flags, readFile }: SettingSources,
  problems: Problem[],
): Promise<string | undefined> {
  const given = flag === undefined ? undefined : flags?.[name]
  if (given !== undefined) return given
  const variable = variableName(name)
  // The file goes first: a variable may have a default that whoever gives a file can't take away, as in Compose.
  const path = environment[`${variable}_FILE`] ?? ''
  if (path === '') return environment[variable]?.trim() || undefined
  try {
    return (await readFile(path)).trim()
  } catch (error) {
    problems.push({ message: `${variable}_FILE: ${describeError(error)}`, isOfFlag: false })
    return undefined
  }
}

function problemOf(
  name: string,
  text: string | undefined,
  { flag, isSecret = false }: Setting,
  { flags }: SettingSources,
  message: string,
): Problem {
  const variable = variableName(name)
  if (flag !== undefined && flags?.[name] !== undefined) {
    const not = isSecret ? '' : `, not '${text}'`
    return { message: `--${flagName(name, flag)} ${message}${not}`, isOfFlag: true }
  }
  if (text === undefined && flag !== undefined && flags !== undefined) {
    return { message: `--${flagName(name, flag)} is missing`, isOfFlag: true }
  }
  if (text === undefined) return { message: `${variable} is missing: ${message}`, isOfFlag: false }
  return { message: isSecret ? `${variable}: ${message}` : `${variable}=${text}: ${message}`, isOfFlag: false }
}

function ruleProblem(text: string, settings: Settings, { flags }: SettingSources): Problem {
  let isOfFlag = false
  const message = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const flag = settings[name]?.flag
    if (flag === undefined || flags?.[name] === undefined) return variableName(name)
    isOfFlag = true
    return `--${flagName(name, flag)}`
  })
  return { message, isOfFlag }
}
