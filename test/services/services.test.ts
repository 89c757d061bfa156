/** The three services as processes on a real broker. */
import { randomBytes } from 'node:crypto'
import sharp from 'sharp'
import { afterEach, describe, expect, test } from 'vitest'
import type { SightlineError } from '../../shared/errors/errors.ts'
import { Deployment, frameOf } from '../harness/deployment.ts'
import { startRedisServer } from '../harness/redis-server.ts'
import { startService } from '../harness/service-process.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')
const redis = await requireService('redis')
const hasRedis = (await requireService('redis-process')) !== undefined

const open: Deployment[] = []
afterEach(async () => {
  for (const deployment of open.splice(0)) await deployment[Symbol.asyncDispose]()
})
const deploy = async (env: Readonly<Record<string, string>> = {}): Promise<Deployment> => {
  const deployment = await Deployment.open({ brokers: kafka!.brokers, env })
  open.push(deployment)
  return deployment
}

const patient = { timeout: 20_000 }
const cameras = ['cam-1', 'cam-2', 'cam-3', 'cam-4']

describe.skipIf(kafka === undefined)('three services on Kafka', { timeout: 120_000 }, () => {
  test('turn each frame into one event or dead letter, and name what is enrolled', async () => {
    const deployment = await deploy()
    const { detector, embedder, matcher } = await deployment.startAll()
    const reader = await deployment.read()
    const numbers = Array.from({ length: 24 }, (_, index) => index)
    for (const number of numbers) {
      const camera = cameras[number % 4]!
      await deployment.publish([await frameOf(camera, number)])
      if (number % 8 === 3) await deployment.publish([{ camera, bytes: Buffer.from('not a picture') }])
    }
    await reader.ended(27)
    expect(await deployment.ends()).toEqual({ published: 27, events: 24, dead: 3, doubles: 0, missing: 0 })

    const byCamera = Map.groupBy(reader.events(), ({ camera }) => camera)
    expect([...byCamera.keys()].toSorted()).toEqual(cameras)
    for (const [camera, events] of byCamera) {
      // In the order of the camera's frames, each with the product that it shows.
      const shown = numbers.filter((number) => cameras[number % 4] === camera).map((number) => `product-${number % 6}`)
      expect(events.map(({ objects }) => objects.map(({ item }) => item))).toEqual(shown.map((item) => [item]))
      expect(events.every(({ models, gallery }) => models.detector.sha256.length === 64 && gallery.items === 6)).toBe(
        true,
      )
    }
    for (const letter of reader.dead()) {
      expect(Buffer.from(letter.value!).toString()).toBe('not a picture')
      expect(letter.headers).toMatchObject({ 'dlq-code': 'IMAGE_UNREADABLE', 'dlq-stage': 'detector' })
    }

    for (const service of [detector, embedder, matcher]) {
      expect(await service.get('/livez')).toMatchObject({ status: 200 })
      expect(await service.get('/readyz')).toMatchObject({ status: 200 })
    }
    const { text } = await detector.get('/metrics')
    expect(text).toContain('sightline_messages_in_total{stage="detector"} 27')
    expect(text).toContain('sightline_messages_dead_total{stage="detector",code="IMAGE_UNREADABLE"} 3')
    expect(text).toContain('sightline_oldest_unprocessed_seconds{stage="detector"} 0')
    expect(text).toContain('sightline_lag_messages{stage="detector"} 0')
    expect(text).toContain('sightline_dependency_up{dependency="kafka"} 1')
    expect((await matcher.get('/metrics')).text).toContain('sightline_frame_age_seconds_count{stage="matcher"} 24')

    expect(await Promise.all([detector, embedder, matcher].map(({ child }) => child.stop()))).toEqual([0, 0, 0])
  })

  test('carry a frame’s trace from the publisher to the event', async () => {
    const deployment = await deploy()
    await deployment.startAll()
    const reader = await deployment.read()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const { bytes } = await frameOf('cam-1', 1)
    await deployment.bus.publish([
      { topic: deployment.topics.frames, key: 'cam-1', value: bytes, headers: { traceparent } },
    ])
    await reader.ended(1)
    expect(reader.deliveries()[0]!.headers).toMatchObject({
      traceparent,
      'content-type': 'application/json',
      ce_type: expect.any(String),
      'frame-id': expect.stringMatching(/^cam-1@/),
    })
  })

  test('share the frames of two and three instances, and lose none when instances come and go', async () => {
    const deployment = await deploy({ SIGHTLINE_SESSION_TIMEOUT_SECONDS: '2' })
    const first = await deployment.startAll()
    const feed = async (count: number): Promise<void> => {
      for (let number = 0; number < count; number += 1) {
        await deployment.publish(await Promise.all(cameras.map((camera) => frameOf(camera, number))))
      }
    }
    const start = () =>
      Promise.all((['detector', 'embedder', 'matcher'] as const).map((name) => deployment.start(name)))
    const more = Promise.all([start(), start()])
    await feed(10)
    const [second, third] = await more
    await Promise.all([...second, ...third].map(({ ready }) => ready))
    await feed(10)
    expect(await first.detector.child.stop()).toBe(0)
    await feed(10)
    expect(await Promise.all([...second.slice(1), ...third].map(({ child }) => child.stop()))).toEqual([0, 0, 0, 0, 0])
    await feed(5)
    const { published, events, doubles, missing } = await deployment.ends()
    expect({ published, events, doubles, missing }).toEqual({ published: 140, events: 140, doubles: 0, missing: 0 })
    expect((await second[0]!.get('/metrics')).text).toMatch(/sightline_messages_in_total\{stage="detector"\} [1-9]/)
  })

  test('a frame that is too old ends in an event that says so', async () => {
    const deployment = await deploy()
    await deployment.startAll({
      SIGHTLINE_MAX_FRAME_AGE_SECONDS: '60',
      SIGHTLINE_CAMERA_MAX_FRAME_AGE_SECONDS: '{"archive": 1000000000}',
    })
    const reader = await deployment.read()
    const capturedAt = new Date(Date.now() - 120_000)
    await deployment.publish([
      { ...(await frameOf('cam-1', 0)), capturedAt },
      { ...(await frameOf('archive', 0)), capturedAt },
      await frameOf('cam-2', 0),
    ])
    await reader.ended(3)
    const skipped = Object.fromEntries(reader.events().map(({ camera, skipped: reason }) => [camera, reason]))
    expect(skipped).toEqual({ 'cam-1': 'stale', archive: null, 'cam-2': null })
  })

  test('take a picture of 7 MiB; one of 9 MiB is refused where it is published', async () => {
    const deployment = await deploy()
    await deployment.startAll()
    const reader = await deployment.read()
    const { width, height } = { width: 1800, height: 1350 }
    const raw = { width, height, channels: 3 } as const
    const noisy = await sharp(randomBytes(width * height * 3), { raw })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer()
    const large = Buffer.concat([noisy, Buffer.alloc(7 * 2 ** 20 - noisy.length)])
    await deployment.publish([{ camera: 'cam-1', bytes: large }])
    await reader.ended(1)
    expect(reader.events()[0]).toMatchObject({ image: { width, height }, skipped: null })
    const refused = deployment.publish([{ camera: 'cam-1', bytes: Buffer.alloc(9 * 2 ** 20) }])
    await expect(refused).rejects.toMatchObject({ code: 'BUS_MESSAGE_TOO_LARGE' } satisfies Partial<SightlineError>)
  })

  test.skipIf(redis === undefined)(
    'drop a frame that was published twice under one id, by two cameras it is two',
    async () => {
      const deployment = await deploy({ SIGHTLINE_REDIS_URL: redis!.url })
      const { detector } = await deployment.startAll()
      const reader = await deployment.read()
      const frame = { ...(await frameOf('cam-1', 2)), id: 'one' }
      await deployment.publish([frame, frame, { ...frame, camera: 'cam-2' }, { ...frame, id: 'two' }])
      await deployment.publish([{ ...frame, id: 'last' }])
      await reader.ended(4)
      expect(reader.ids().toSorted()).toEqual(['cam-1:last', 'cam-1:one', 'cam-1:two', 'cam-2:one'])
      expect((await detector.get('/metrics')).text).toContain(
        'sightline_messages_dropped_total{stage="detector",reason="duplicate"} 1',
      )
      const ready = JSON.parse((await detector.get('/readyz')).text)
      expect(ready.checks.map(({ name }: { name: string }) => name)).toEqual([
        'kafka',
        'input',
        'execution-provider',
        'model',
        'redis',
      ])
    },
  )

  test('run on without Redis, and say so', async () => {
    const deployment = await deploy({ SIGHTLINE_REDIS_URL: 'redis://:secret@127.0.0.1:1' })
    const { detector } = await deployment.startAll()
    await deployment.publish([await frameOf('cam-1', 0), await frameOf('cam-2', 1)])
    expect(await deployment.ends()).toMatchObject({ events: 2, missing: 0 })
    const { status, text } = await detector.get('/readyz')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ status: 'degraded' })
    expect((await detector.get('/metrics')).text).toContain('sightline_dependency_up{dependency="redis"} 0')
    expect(detector.child.output()).toContain('Redis is away')
    expect(detector.child.output() + text).not.toContain('secret')
  })

  test.skipIf(!hasRedis)('run on while Redis is frozen, and use it again when it goes on', async () => {
    await using server = await startRedisServer()
    const deployment = await deploy({ SIGHTLINE_REDIS_URL: server.url })
    const { detector } = await deployment.startAll()
    const readiness = async () => JSON.parse((await detector.get('/readyz')).text)
    const twice = async (id: string) => {
      const frame = { ...(await frameOf('cam-1', 0)), id }
      await deployment.publish([frame, frame])
    }
    const reader = await deployment.read()
    const duplicates = 'sightline_messages_dropped_total{stage="detector",reason="duplicate"}'
    await twice('before')
    await expect.poll(async () => (await detector.get('/metrics')).text, patient).toContain(`${duplicates} 1`)
    expect(await readiness()).toMatchObject({ status: 'ready' })
    await server.freeze()
    await twice('frozen')
    await expect.poll(() => reader.ids(), patient).toEqual(['cam-1:before', 'cam-1:frozen', 'cam-1:frozen'])
    expect(await readiness()).toMatchObject({
      status: 'degraded',
      checks: expect.arrayContaining([
        { name: 'redis', isRequired: false, problem: expect.stringContaining('no answer within 500 ms') },
      ]),
    })
    expect(detector.child.output()).toMatch(
      /Redis is away.*no answer within 500 ms|no answer within 500 ms.*Redis is away/,
    )
    await server.thaw()
    await expect.poll(readiness, patient).toMatchObject({ status: 'ready' })
    await twice('after')
    await expect.poll(async () => (await detector.get('/metrics')).text, patient).toContain(`${duplicates} 2`)
    expect(await deployment.ends()).toMatchObject({ published: 3, events: 4, missing: 0 })
    expect(detector.child.output()).toContain('Redis is back')
  })

  test.skipIf(!hasRedis)('run on with a wrong password for Redis, which nobody is told', async () => {
    await using server = await startRedisServer({ password: 'sesame' })
    const deployment = await deploy({ SIGHTLINE_REDIS_URL: server.url.replace('sesame', 'hunter2') })
    const { detector } = await deployment.startAll()
    await deployment.publish([await frameOf('cam-1', 0), await frameOf('cam-2', 1)])
    expect(await deployment.ends()).toMatchObject({ events: 2, missing: 0 })
    const { text } = await detector.get('/readyz')
    expect(JSON.parse(text)).toMatchObject({ status: 'degraded' })
    expect(text).toContain('WRONGPASS')
    expect(detector.child.output()).toContain('WRONGPASS')
    expect(detector.child.output() + text).not.toContain('hunter2')
  })

  test('a matcher whose API key for Qdrant would travel as plain text says so once, and goes on', async () => {
    const deployment = await deploy()
    const matcher = await deployment.start('matcher', {
      SIGHTLINE_GALLERY: 'http://qdrant.invalid:6333/products',
      SIGHTLINE_QDRANT_API_KEY: 'hunter2',
    })
    await expect
      .poll(async () => (await matcher.get('/readyz')).text, { timeout: 60_000 })
      .toContain('"waitingFor":"the gallery')
    expect(matcher.child.output().match(/as plain text/g)).toHaveLength(1)
    expect(matcher.child.output()).not.toContain('hunter2')
  })

  test('do not start without their topics, and say which command makes them', async () => {
    await using service = await startService('embedder', {
      SIGHTLINE_KAFKA_BROKERS: kafka!.brokers.join(','),
      SIGHTLINE_TOPIC_PREFIX: 'nowhere-',
    })
    expect(await service.child.exited).toBe(1)
    expect(service.child.output()).toContain('sightline topics create')
    expect(service.child.output()).toContain('nowhere-detections')
  })
})

test('a service whose broker is away waits for it, says so, and ends when asked to', { timeout: 30_000 }, async () => {
  await using service = await startService('embedder', { SIGHTLINE_KAFKA_BROKERS: '127.0.0.1:1' })
  await service.url
  await expect
    .poll(async () => (await service.get('/readyz')).text, { timeout: 15_000 })
    .toContain('"waitingFor":"Kafka')
  expect((await service.get('/readyz')).status).toBe(503)
  expect((await service.get('/livez')).status).toBe(200)
  expect(await service.child.stop()).toBe(0)
})

test('wrong settings end a service at once, all named', async () => {
  await using service = await startService('matcher', { SIGHTLINE_THRESHOLD: 'high', SIGHTLINE_MAX_BATCH: '0' })
  expect(await service.child.exited).toBe(2)
  for (const text of ['SIGHTLINE_THRESHOLD=high', 'SIGHTLINE_MAX_BATCH=0', 'SIGHTLINE_GALLERY is missing', '--help']) {
    expect(service.child.output()).toContain(text)
  }
})
