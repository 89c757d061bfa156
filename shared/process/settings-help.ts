/** Settings as a person reads them: the variables of a service, the flags of a command. */
import type { z } from 'zod'
import { flagName, type SettingGroup, variableName } from './settings.ts'

/** Every variable with its default, for a service's `--help`. */
export function describeVariables({ settings }: SettingGroup): string {
  const rows = Object.entries(settings).map(([name, { schema, help }]) => ({
    variable: variableName(name),
    help: `${help}${bracketed(describeDefault(schema))}`,
  }))
  const width = Math.max(...rows.map(({ variable }) => variable.length))
  const lines = rows.map(({ variable, help }) => `  ${variable.padEnd(width)}  ${help}`)
  return [...lines, '', 'Each can be given by a file instead: NAME_FILE is the path of one that holds the value.'].join(
    '\n',
  )
}

const flagWidth = 24
const lineWidth = 120

/** Every flag with its default, for a command's `--help`. */
export function describeFlags({ settings }: SettingGroup): string {
  return Object.entries(settings)
    .flatMap(([name, { schema, help, flag }]) => {
      if (flag === undefined) return []
      const left = `  --${flagName(name, flag)}${flag.value === undefined ? '' : ` ${flag.value}`}`
      const found = flag.value === undefined ? '' : describeDefault(schema)
      const notes = [
        ...(flag.join === undefined ? [] : ['may be repeated']),
        ...(found === '' ? [] : [`default: ${found}`]),
      ]
      return wrapped(left, notes.length === 0 ? help : `${help} (${notes.join('; ')})`)
    })
    .join('\n')
}

function wrapped(left: string, text: string): readonly string[] {
  const lines: string[] = []
  let line = left.padEnd(flagWidth + 1)
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > lineWidth) {
      lines.push(line.trimEnd())
      line = ' '.repeat(flagWidth + 1)
    }
    line += ` ${word}`
  }
  return [...lines, line]
}

const bracketed = (text: string): string => (text === '' ? '' : ` [${text}]`)

/** A default as it would be written; empty where there is none worth a word. */
export function describeDefault(schema: z.ZodType): string {
  const { data } = schema.safeParse(undefined)
  if (data === undefined || data === '' || (typeof data === 'object' && !Array.isArray(data))) return ''
  return Array.isArray(data) ? data.join(',') : String(data)
}
