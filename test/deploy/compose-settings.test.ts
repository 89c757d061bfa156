/** What docker-compose.yml and .env.example say of settings and secrets is what is declared: all of it, and nothing else. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { envExample, fixedInContainers, settingsOf, withSettings } from '../../deploy/settings-files.ts'
import { kafkaSettings } from '../../shared/process/kafka-settings.ts'
import { readSettings, type Setting, variableName } from '../../shared/process/settings.ts'
import { type ComposeService, readCompose, root } from './compose-file.ts'

const plain = readCompose()
const gpu = readCompose({}, ['docker-compose.yml', 'docker-compose.gpu.yml'])
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const example = envExample(read('docker-compose.yml'), read('docker-compose.gpu.yml'))
/** As a container is given a setting: a secret by a file. */
const variablesOf = (name: string, { isSecret }: Setting): readonly string[] =>
  fixedInContainers.includes(name) ? [] : [isSecret === true ? `${variableName(name)}_FILE` : variableName(name)]
const ourVariables = ({ environment = {} }: ComposeService): readonly string[] =>
  Object.keys(environment).filter((name) => name.startsWith('SIGHTLINE_'))

describe('the settings of', () => {
  test.each(Object.entries(settingsOf))('the %s can all be given, and nothing else is', async (name, group) => {
    const given = plain.services[name]!
    const known = Object.keys(group.settings).map(variableName)
    const files = known.map((variable) => `${variable}_FILE`)
    expect(ourVariables(given).filter((variable) => ![...known, ...files].includes(variable))).toEqual([])
    const wanted = Object.entries(group.settings).flatMap(([setting, declared]) => variablesOf(setting, declared))
    expect(
      wanted.filter((variable) => !(variable in given.environment!)),
      'settings that a user of the file can not give',
    ).toEqual([])
    const environment = Object.fromEntries(Object.entries(given.environment!).map(([key, value]) => [key, `${value}`]))
    const readFile = () => Promise.reject(new Error('no file'))
    await expect(readSettings(group, { environment, readFile })).resolves.toBeDefined()
  })

  test.each(Object.entries(settingsOf))('the %s on a GPU exist', (name, { settings }) => {
    const known = Object.keys(settings).flatMap((setting) => [variableName(setting), `${variableName(setting)}_FILE`])
    expect(ourVariables(gpu.services[name]!).filter((variable) => !known.includes(variable))).toEqual([])
  })

  test('the commands that talk to Kafka exist', () => {
    const known = Object.entries(kafkaSettings.settings).flatMap(([name, setting]) => variablesOf(name, setting))
    for (const name of ['demo-camera-shelf', 'demo-camera-checkout', 'demo-camera-conveyor', 'demo-watch']) {
      expect(ourVariables(plain.services[name]!)).toEqual(known)
    }
  })
})

test('the settings are written as they are declared: `npm run generate` does it', () => {
  expect(read('docker-compose.yml')).toBe(withSettings(read('docker-compose.yml')))
  expect(read('.env.example')).toBe(example)
})

describe('.env.example', () => {
  const told = example.split('\n').flatMap((line) => /^#([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? [])

  test('names every variable of the Compose files once, each with a text above it', () => {
    const files = read('docker-compose.yml') + read('docker-compose.gpu.yml')
    const all = [...files.matchAll(/\$\{([A-Z][A-Z0-9_]*):/g)].map(([, name = '']) => name)
    expect(told.toSorted()).toEqual([...new Set(all)].toSorted())
    expect(example.match(/^# [^-].+\n#[A-Z]/gm)).toHaveLength(told.length)
  })

  test('changes nothing where all of its lines are taken as they stand', async () => {
    const lines = example.matchAll(/^#([A-Z][A-Z0-9_]*)=(.*)$/gm)
    const taken = readCompose(Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value])))
    const readFile = () => Promise.reject(new Error('no file'))
    const valuesIn = (file: typeof plain, name: string) => {
      const given = Object.entries(file.services[name]!.environment!)
      const environment = Object.fromEntries(given.map(([key, value]) => [key, `${value}`]))
      return readSettings(settingsOf[name]!, { environment, readFile })
    }
    for (const name of Object.keys(settingsOf)) expect(await valuesIn(taken, name)).toEqual(await valuesIn(plain, name))
    const others = ({ services }: typeof plain) =>
      Object.entries(services).map(([name, { environment: _, ...rest }]) => [name, rest])
    expect(others(taken)).toEqual(others(plain))
  })

  test('names every setting of every service, but for where it listens in its container', () => {
    const settings = Object.values(settingsOf).flatMap((group) => Object.entries(group.settings))
    const missing = settings.flatMap(([name, setting]) =>
      variablesOf(name, setting).filter((variable) => !told.includes(variable)),
    )
    expect(missing).toEqual([])
    expect(fixedInContainers).toEqual(['httpHost', 'httpPort'])
  })
})

describe('secrets', () => {
  const every = Object.values(settingsOf).flatMap(({ settings }) => Object.entries(settings))
  const secret = every.filter(([, { isSecret, isFile }]) => isSecret === true || isFile === true)
  const variables = [...new Set(secret.flatMap(([name, setting]) => variablesOf(name, setting)))]
  const given = Object.fromEntries(variables.map((variable) => [variable, `./given/${variable}`]))
  const filled = readCompose(given)

  test.each(Object.entries(filled.services))('the %s is given by files that are mounted for it', (_name, service) => {
    const { environment = {}, secrets = [] } = service
    for (const variable of variables.filter((one) => one in environment)) {
      const [, name = ''] = /^\/run\/secrets\/(.+)$/.exec(String(environment[variable]))!
      expect(secrets, variable).toContain(name)
      expect(filled.secrets[name]!.file).toBe(given[variable])
    }
    const plain = secret.filter(([, { isSecret }]) => isSecret === true).map(([name]) => variableName(name))
    // The address of Compose's own Redis, which has no password.
    expect(Object.keys(environment).filter((name) => plain.includes(name) && name !== 'SIGHTLINE_REDIS_URL')).toEqual(
      [],
    )
    for (const name of Object.keys(environment)) expect(name).not.toMatch(/(PASSWORD|API_KEY)$/)
  })

  test('where none are given, the files are there and no variable names them', () => {
    for (const { file } of Object.values(plain.secrets)) expect(existsSync(join(root, file)), file).toBe(true)
    for (const { environment = {} } of Object.values(plain.services)) {
      for (const variable of variables.filter((one) => one in environment)) expect(environment[variable]).toBe('')
    }
  })
})
