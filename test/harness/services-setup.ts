/** Runs beside the tests: starts servers when the first test asks for them, stops them at the end, and reports what was not covered. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { TestProject } from 'vitest/node'
import { type KafkaBroker, startKafkaBroker } from './kafka-broker.ts'
import { javaMissing, kcatMissing, pythonClient } from './kafka-clients.ts'
import { kafkaJars, kafkaMissing, keytoolMissing } from './kafka-jars.ts'
import { findPaddle, int8Python, pytestPython } from './paddle.ts'
import { qdrantMissing, startQdrantServer } from './qdrant-server.ts'
import { rapidLayoutPython } from './rapid-layout.ts'
import { installRedis, redisMissing, startRedisServer } from './redis-server.ts'
import { decideServers, isInContainer } from './server-ways.ts'
import type { ServiceAnswer, ServiceName, ServiceRequest, Services } from './services.ts'
import { smallDiskMissing } from './small-disk.ts'
import { straceMissing } from './system-calls.ts'

const { KAFKA_BROKERS: kafkaBrokers, REDIS_URL: redisUrl, QDRANT_URL: qdrantUrl } = process.env
const required = new Set((process.env['REQUIRE_SERVICES'] ?? '').split(',').filter((name) => name !== ''))

/** Vitest's global set-up. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.stdout.write(`${await decideServers()}\n`)
  const servers = new AsyncDisposableStack()
  const answers = new Map<ServiceName, Promise<ServiceAnswer>>()
  const uncovered = new Map<string, Set<string>>()
  let isEngine = false
  const broker = lazily(async () =>
    servers.use(await startKafkaBroker({ isSecure: (await keytoolMissing()) === null })),
  )

  const answer = async ({ name, file }: ServiceRequest): Promise<ServiceAnswer> => {
    const known = answers.get(name) ?? provide(name, broker, servers)
    answers.set(name, known)
    const result = await known
    if ('missing' in result) {
      const line = `${name}: ${result.missing}`
      uncovered.set(line, (uncovered.get(line) ?? new Set()).add(file))
    } else if ('isEngine' in result.service) {
      isEngine ||= result.service.isEngine
    }
    return result
  }

  const http = createServer((request, response) => {
    answerRequest(request, answer).then(
      (result) => response.end(JSON.stringify(result)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  project.provide('servicesUrl', `http://127.0.0.1:${(http.address() as AddressInfo).port}`)

  return async () => {
    http.close()
    await servers.disposeAsync()
    if (isEngine) process.stdout.write('qdrant: engine, not server (QDRANT_URL names a server to test against)\n')
    for (const [line, files] of uncovered) process.stdout.write(`not covered: ${line} (${[...files].join(', ')})\n`)
  }
}

async function answerRequest(
  request: IncomingMessage,
  answer: (request: ServiceRequest) => Promise<ServiceAnswer>,
): Promise<ServiceAnswer> {
  const asked = (await json(request)) as ServiceRequest
  const result = await answer(asked)
  const service = asked.name.split('-')[0]!
  if ('missing' in result && required.has(service)) {
    throw new Error(`REQUIRE_SERVICES asks for ${service}, but ${asked.name} is missing: ${result.missing}`)
  }
  return result
}

async function provide(
  name: ServiceName,
  broker: () => Promise<KafkaBroker>,
  servers: AsyncDisposableStack,
): Promise<ServiceAnswer> {
  if (name === 'kafka' && kafkaBrokers !== undefined) return found({ brokers: kafkaBrokers.split(',') })
  if (name === 'redis' && redisUrl !== undefined) return found({ url: redisUrl })
  if (name === 'redis' || name === 'redis-process') {
    const missing = isInContainer('redis') ? null : await redisUninstalled()
    if (missing !== null) return { missing }
    return found(name === 'redis' ? { url: servers.use(await startRedisServer()).url } : {})
  }
  if (name === 'docker') {
    return isInContainer('redis') ? found({}) : { missing: 'Redis is no container in this run' }
  }
  if (name === 'kcat') {
    const missing = await kcatMissing()
    return missing === null ? found({}) : { missing }
  }
  if (name === 'java') {
    const missing = (await javaMissing()) ?? (await kafkaMissing()) ?? (await kafkaUnfetched())
    return missing === null ? found({}) : { missing }
  }
  if (name === 'python') {
    return pythonClient().then(
      (interpreter) => found({ interpreter }),
      (error: unknown) => ({
        missing: `no Python with the client of examples/python: ${String(error).split('\n')[0]}`,
      }),
    )
  }
  if (name === 'paddle') {
    const paddle = await findPaddle()
    return 'missing' in paddle ? paddle : found(paddle)
  }
  if (name === 'int8') {
    return int8Python().then(
      (python) => found({ python }),
      (error: unknown) => ({
        missing: `no Python with python/convert/requirements-int8.txt: ${String(error).split('\n')[0]}`,
      }),
    )
  }
  if (name === 'rapid-layout') {
    return rapidLayoutPython().then(
      (python) => found({ python }),
      (error: unknown) => ({
        missing: `no Python with test/harness/rapid-layout/requirements.txt: ${String(error).split('\n')[0]}`,
      }),
    )
  }
  if (name === 'pytest') {
    return pytestPython().then(
      (python) => found({ python }),
      (error: unknown) => ({
        missing: `no Python with python/requirements-test.txt: ${String(error).split('\n')[0]}`,
      }),
    )
  }
  if (name === 'small-disk') {
    const missing = await smallDiskMissing()
    return missing === null ? found({}) : { missing }
  }
  if (name === 'strace') {
    const missing = await straceMissing()
    return missing === null ? found({}) : { missing }
  }
  if (name === 'qdrant' && qdrantUrl !== undefined) return found({ url: qdrantUrl, isEngine: false })
  if (name === 'qdrant' || name === 'qdrant-process') {
    const isEngine = !isInContainer('qdrant')
    const missing = isEngine ? await qdrantMissing() : null
    if (missing !== null) return { missing }
    return found(name === 'qdrant' ? { url: servers.use(await startQdrantServer()).url, isEngine } : { isEngine })
  }
  const missing = isInContainer('kafka') ? null : ((await kafkaMissing()) ?? (await kafkaUnfetched()))
  if (missing !== null) return { missing }
  if (name === 'kafka-process') return found({})
  const { address, secure } = await broker()
  if (name === 'kafka') return found({ brokers: [address] })
  return secure === null
    ? { missing: (await keytoolMissing()) ?? '' }
    : found({ brokers: [secure.address], ca: secure.ca })
}

/** Installed first where it must be covered. */
async function redisUninstalled(): Promise<string | null> {
  if ((await redisMissing()) !== null && required.has('redis')) await installRedis()
  return redisMissing()
}

/** A machine without a way to the Maven repository covers nothing, but its other tests count. */
async function kafkaUnfetched(): Promise<string | null> {
  return kafkaJars().then(
    () => null,
    (error: unknown) => `fetching the broker failed: ${String(error).split('\n')[0]}`,
  )
}

const found = (service: Services[ServiceName]): ServiceAnswer => ({ service })

/** Calls `make` at the first use only. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
