/** Flags of commands, made from the settings that the services read from their environment: a flag goes before its variable. */
import { readFile } from 'node:fs/promises'
import type { ParseArgsOptionsConfig } from 'node:util'
import {
  flagName,
  readSettings,
  type SettingGroup,
  type Settings,
  type SettingValues,
} from '@sightline/shared/process/settings.ts'
import type { Terminal, Values } from './command.ts'

/** For node:util's parseArgs. */
export const flagOptions = ({ settings }: SettingGroup): ParseArgsOptionsConfig =>
  Object.fromEntries(
    Object.entries(settings).flatMap(([name, { flag }]) => {
      if (flag === undefined) return []
      const type = flag.value === undefined ? 'boolean' : 'string'
      return [[flagName(name, flag), flag.join === undefined ? { type } : { type, multiple: true }]]
    }),
  )

/** Throws USAGE for what is wrong with a flag, CONFIG_INVALID for what is wrong with a variable. */
export const readFlags = <Declared extends Settings>(
  group: SettingGroup<Declared>,
  values: Values,
  { env }: Pick<Terminal, 'env'>,
): Promise<SettingValues<Declared>> =>
  readSettings(group, {
    environment: env,
    flags: flagTexts(group, values),
    readFile: (path) => readFile(path, 'utf8'),
  })

function flagTexts({ settings }: SettingGroup, values: Values): Readonly<Record<string, string | undefined>> {
  const texts: Record<string, string | undefined> = {}
  for (const [name, { flag }] of Object.entries(settings)) {
    const given = flag === undefined ? undefined : values[flagName(name, flag)]
    if (given === undefined || flag === undefined) continue
    texts[name] = Array.isArray(given) ? flag.join?.(given.map(String)) : String(given)
  }
  return texts
}
