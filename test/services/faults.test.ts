/**
 * Everything is killed while frames flow; every frame must end once. `npm run test:faults` does it at full length.
 * Prints `published N, events N, doubles N, missing N, dead N`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type Ends, endsLine } from '../harness/books.ts'
import { Deployment, frameOf, serviceNames } from '../harness/deployment.ts'
import { type KafkaBroker, startKafkaBroker } from '../harness/kafka-broker.ts'
import { startQdrantServer } from '../harness/qdrant-server.ts'
import { type RedisServer, startRedisServer } from '../harness/redis-server.ts'
import type { ServiceProcess } from '../harness/service-process.ts'
import { requireService } from '../harness/services.ts'

/** Kills of services: each in turn, at random moments. */
const rounds = Number(process.env['FAULT_ROUNDS'] ?? 3)
const isFull = rounds >= 20
/** Seconds that a dependency is away. */
const awaySeconds = isFull ? 20 : 3
const framesPerSecond = 8
const timeout = isFull ? 1_800_000 : 180_000

const hasKafka = (await requireService('kafka-process')) !== undefined
const hasQdrant = (await requireService('qdrant-process')) !== undefined
const hasRedis = (await requireService('redis-process')) !== undefined

const scope: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of scope.splice(0).toReversed()) await one[Symbol.asyncDispose]()
})
const keep = <T extends AsyncDisposable>(one: T): T => {
  scope.push(one)
  return one
}

const clean = (ends: Ends): Ends => ({ ...ends, doubles: 0, missing: 0 })

/** Frames of four cameras, one in ten no picture, until it is disposed. */
class Feed implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  constructor(deployment: Deployment) {
    this.#running = this.#run(deployment)
  }

  async #run(deployment: Deployment): Promise<void> {
    for (let number = 0; !this.#stop.signal.aborted; number += 1) {
      const camera = `cam-${number % 4}`
      const frame = number % 10 === 7 ? { camera, bytes: Buffer.from('no picture') } : await frameOf(camera, number)
      await deployment.publish([frame])
      await sleep(1000 / framesPerSecond)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

async function closeBooks(what: string, deployment: Deployment, feed: Feed): Promise<Ends> {
  await feed[Symbol.asyncDispose]()
  const ends = await deployment.ends()
  say(`${what}: ${endsLine(ends)}`)
  return ends
}

describe.skipIf(!hasKafka)('under faults every frame ends once', { timeout }, () => {
  test('when services are killed in turn', async () => {
    const broker = keep(await startKafkaBroker())
    const deployment = keep(
      await Deployment.open({ brokers: [broker.address], env: { SIGHTLINE_SESSION_TIMEOUT_SECONDS: '2' } }),
    )
    const running = new Map<string, ServiceProcess>(Object.entries(await deployment.startAll()))
    const feed = keep(new Feed(deployment))
    for (let round = 0; round < rounds * serviceNames.length; round += 1) {
      await sleep(500 + Math.random() * 2500)
      const name = serviceNames[round % serviceNames.length]!
      const service = running.get(name)!
      service.child.signal('SIGKILL')
      await service.child.exited
      // As an orchestrator does: not before the session of the dead member has run out.
      await sleep(2000)
      const next = await deployment.start(name)
      running.set(name, next)
      await next.ready
      if (isFull) say(`round ${round + 1}: ${name} killed and back, ${deployment.published.size} frames published`)
    }
    const ends = await closeBooks('services killed', deployment, feed)
    expect(ends).toEqual(clean(ends))
  })

  test('when the broker is killed and comes back', async () => {
    const broker = keep<KafkaBroker>(await startKafkaBroker())
    const deployment = keep(
      await Deployment.open({ brokers: [broker.address], env: { SIGHTLINE_SESSION_TIMEOUT_SECONDS: '3' } }),
    )
    const services = await deployment.startAll()
    const feed = keep(new Feed(deployment))
    for (let round = 0; round < (isFull ? 5 : 1); round += 1) {
      await sleep(2000 + Math.random() * 2000)
      await broker.kill()
      await sleep(1000)
      await broker.start()
    }
    await sleep(2000)
    const ends = await closeBooks('broker killed', deployment, feed)
    expect(ends).toEqual(clean(ends))
    for (const service of Object.values(services)) {
      expect((await service.get('/livez')).status).toBe(200)
      // That it was away is said in words, not by where in the code it was noticed.
      expect(service.child.output()).not.toContain('"stack"')
    }
  })

  test.skipIf(!hasRedis)('when Redis is away for a while', async () => {
    const broker = keep(await startKafkaBroker())
    const redis = keep<RedisServer>(await startRedisServer())
    const deployment = keep(
      await Deployment.open({ brokers: [broker.address], env: { SIGHTLINE_REDIS_URL: redis.url } }),
    )
    const { detector } = await deployment.startAll()
    const feed = keep(new Feed(deployment))
    await sleep(2000)
    await redis.kill()
    await sleep(awaySeconds * 1000)
    expect(JSON.parse((await detector.get('/readyz')).text)).toMatchObject({ status: 'degraded' })
    await redis.start()
    await expect
      .poll(async () => JSON.parse((await detector.get('/readyz')).text).status, { timeout: 20_000 })
      .toBe('ready')
    const ends = await closeBooks('Redis away', deployment, feed)
    expect(ends).toEqual(clean(ends))
  })
  test.skipIf(!hasQdrant)('when Qdrant is away for a while: frames wait for it', async () => {
    const broker = keep(await startKafkaBroker())
    const qdrant = keep(await startQdrantServer())
    const deployment = keep(await Deployment.open({ brokers: [broker.address], gallery: `${qdrant.url}/products` }))
    const { matcher } = await deployment.startAll()
    const feed = keep(new Feed(deployment))
    await sleep(2000)
    await qdrant.kill()
    await sleep(awaySeconds * 1000)
    await expect.poll(async () => (await matcher.get('/readyz')).status, { timeout: 10_000 }).toBe(503)
    expect((await matcher.get('/livez')).status).toBe(200)
    await qdrant.start()
    await expect.poll(async () => (await matcher.get('/readyz')).status, { timeout: 30_000 }).toBe(200)
    const ends = await closeBooks('Qdrant away', deployment, feed)
    expect(ends).toEqual(clean(ends))
  })
})
