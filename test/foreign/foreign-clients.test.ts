/** What other Kafka clients publish, in all the ways they can: each frame ends once, and the metrics say so. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { murmur2 } from '@sightline/shared/bus/partitioner.ts'
import { deadLetterTopic } from '@sightline/shared/contracts/dead-letter-topics.ts'
import { defaultTopicPlan, planTopics } from '@sightline/shared/contracts/topic-plan.ts'
import { type Topics, topicNames } from '@sightline/shared/contracts/topology.ts'
import { decodeDetections } from '@sightline/shared/contracts/wire.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Collector } from '../harness/bus/collector.ts'
import { type ForeignMessage, type ForeignRun, javaProducer, pythonProducer } from '../harness/kafka-clients.ts'
import { product } from '../harness/pictures.ts'
import { type ServiceProcess, startService } from '../harness/service-process.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')
const redis = await requireService('redis')
const kcat = await requireService('kcat')
const python = await requireService('python')
const java = await requireService('java')

const clients = [
  ...(python === undefined ? [] : [{ client: 'librdkafka', produce: pythonProducer(python.interpreter) }]),
  ...(java === undefined ? [] : [{ client: 'java', produce: javaProducer }]),
]
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const partitions = 3
const framesOfEach = 6

/** A deployment whose detector alone runs: what is read of the frames topic is told by its outputs. */
class Site implements AsyncDisposable {
  readonly topics: Topics
  readonly detector: ServiceProcess
  readonly detections: Collector
  readonly letters: Collector
  readonly #scope: AsyncDisposableStack

  static async open(): Promise<Site> {
    await using scope = new AsyncDisposableStack()
    const prefix = `f${randomUUID().slice(0, 8)}.`
    // As Kafka makes topics by itself: what producers compress stays as they sent it.
    const specs = planTopics({ ...defaultTopicPlan, prefix, partitions }).map((spec) => {
      const { 'compression.type': _, ...config } = spec.config
      return { ...spec, config }
    })
    const connection = { brokers: kafka!.brokers }
    await ensureTopics(connection, specs)
    const detector = scope.use(
      await startService('detector', {
        SIGHTLINE_KAFKA_BROKERS: connection.brokers.join(','),
        SIGHTLINE_TOPIC_PREFIX: prefix,
        SIGHTLINE_WORKERS: '1',
        ...(redis === undefined ? {} : { SIGHTLINE_REDIS_URL: redis.url }),
      }),
    )
    await detector.ready
    const bus = scope.use(new KafkaBus(connection))
    const topics = topicNames(prefix)
    const detections = scope.use(await Collector.on(bus, topics.detections))
    const letters = scope.use(await Collector.on(bus, deadLetterTopic(topics.frames)))
    return new Site(topics, detector, detections, letters, scope.move())
  }

  private constructor(
    topics: Topics,
    detector: ServiceProcess,
    detections: Collector,
    letters: Collector,
    scope: AsyncDisposableStack,
  ) {
    this.topics = topics
    this.detector = detector
    this.detections = detections
    this.letters = letters
    this.#scope = scope
  }

  /** How frames ended whose camera `isOurs`, by id. */
  ends(isOurs: (camera: string) => boolean = () => true): Readonly<Record<string, readonly string[]>> {
    const found = [
      ...this.detections.deliveries.map(({ key, headers }) => ({ key, id: headers['frame-id']!, end: 'event' })),
      ...this.letters.deliveries.map(({ key, headers }) => ({
        key,
        id: headers['frame-id']!,
        end: headers['dlq-code']!,
      })),
    ].filter(({ key }) => isOurs(key))
    const byId = Map.groupBy(found, ({ id }) => id)
    return Object.fromEntries([...byId].map(([id, ends]) => [id, ends.map(({ end }) => end).toSorted()]))
  }

  async metric(name: string): Promise<number> {
    const { text } = await this.detector.get('/metrics')
    const values = text.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'))
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.disposeAsync()
  }
}

let picture: Buffer
const bytes = (text: string): Buffer => Buffer.from(text)
const frame = (camera: string | Buffer, id: string, fields: Partial<ForeignMessage> = {}): ForeignMessage => ({
  key: typeof camera === 'string' ? bytes(camera) : camera,
  value: picture,
  ...fields,
  headers: [...(fields.headers ?? []), ['ce_id', bytes(id)]],
})

interface Plan {
  readonly runs: readonly ForeignRun[]
  /** Of every frame that a reader may see, by its id. */
  readonly ends: Readonly<Record<string, readonly string[]>>
  /** Messages that a reader may see. */
  readonly published: number
  readonly duplicates: number
}

/** What a client's producers send, and how each frame has to end. */
function plan(client: string, topic: string): Plan {
  const odd = `${client}-odd`
  const ends: Record<string, readonly string[]> = {}
  const ending =
    (...how: readonly string[]) =>
    (id: string, fields: Partial<ForeignMessage> = {}, camera: string | Buffer = odd, name = odd): ForeignMessage => {
      ends[`${name}:${id}`] = how
      return frame(camera, id, fields)
    }
  const event = ending('event')
  const unreadable = ending('MESSAGE_UNREADABLE')
  const several = (camera: string): readonly ForeignMessage[] =>
    Array.from({ length: framesOfEach }, (_, index) =>
      event(`f${index}`, {}, `${client}-${camera}`, `${client}-${camera}`),
    )
  const headers = (...names: readonly string[]) => names.map((name) => [name, bytes(name)] as const)
  const many = (count: number) => headers(...Array.from({ length: count }, (_, index) => `h${index}`))
  const at = (time: string) => ({ headers: [['ce_time', bytes(time)] as const] })

  const compressed = codecs.map((codec): ForeignRun => {
    return { topic, config: { 'compression.type': codec, 'linger.ms': '50' }, steps: several(codec) }
  })
  const aborted = Array.from({ length: framesOfEach }, (_, index) => frame(`${client}-aborted`, `f${index}`))
  const transactional: ForeignRun = {
    topic,
    config: { 'transactional.id': `${client}-${topic}`, 'compression.type': 'lz4' },
    steps: [
      'begin',
      ...several('kept'),
      'commit',
      'begin',
      ...aborted,
      'abort',
      'begin',
      ...several('kept-too'),
      'commit',
    ],
  }
  const strange: ForeignRun = {
    topic,
    config: { 'enable.idempotence': 'true' },
    steps: [
      ...several('idempotent'),
      unreadable('tombstone', { value: null }),
      event('null-headers', { headers: ['trace', 'ce_source', 'ce_time', 'redrive-of'].map((name) => [name, null]) }),
      event('no-name', { headers: [...headers('', ''), ['', null]] }),
      event('repeated', { headers: [...headers('h', 'h'), ['h', null]] }),
      event('object', { headers: headers('__proto__', 'constructor', 'toString', 'hasOwnProperty') }),
      event('no-text', { headers: [['ce_source', Buffer.from([0xff, 0x00])]] }),
      event('many', { headers: many(900) }),
      unreadable('endless', { headers: many(20_000) }),
      event('a:b'),
      event('b', {}, `${odd}:a`, `${odd}%3Aa`),
      event('binary', {}, Buffer.concat([bytes(odd), Buffer.from([0xff])]), `${odd}\\xff`),
      event('binary', {}, Buffer.concat([bytes(odd), Buffer.from([0xfe])]), `${odd}\\xfe`),
      event('before-all-clocks', at('0001-01-01T00:00:00Z')),
      event('ahead', at(new Date(Date.now() + 5 * 3_600_000).toISOString())),
      event('undated', { timestamp: 1 }),
      ending('IMAGE_UNREADABLE', 'event')('damaged-first', { value: bytes('not a picture') }),
      frame(odd, 'damaged-first'),
    ],
  }
  const again: ForeignRun = { topic, config: {}, steps: [event('twice'), frame(odd, 'twice')] }
  const bomb: ForeignRun = {
    topic,
    config: { 'compression.type': 'zstd', ...(client === 'java' ? {} : { 'message.max.bytes': '200000000' }) },
    steps: [{ ...frame(odd, 'bomb'), value: null, zeros: 80 * 2 ** 20 }],
  }
  const runs = [...compressed, transactional, strange, again, bomb]
  const sent = runs.flatMap(({ steps }) => steps.filter((step) => typeof step !== 'string'))
  return { runs, ends, published: sent.length - aborted.length, duplicates: 1 }
}

describe.skipIf(kafka === undefined || clients.length === 0)('other clients', { timeout: 60_000 }, () => {
  let site: Site
  const plans = new Map<string, Plan>()

  beforeAll(async () => {
    picture = await product(2)
    site = await Site.open()
    for (const { client } of clients) plans.set(client, plan(client, site.topics.frames))
    await Promise.all(clients.map(({ client, produce }) => produce(kafka!.brokers, plans.get(client)!.runs)))
    // A bomb ends in a letter whose frame has no name left.
    const all = [...plans.values()].reduce((sum, { published, duplicates }) => sum + published - duplicates, 0)
    const isAll = () => site.detections.deliveries.length + site.letters.deliveries.length >= all
    await Promise.race([site.detections, site.letters].map((collector) => collector.until(isAll)))
  }, 120_000)
  afterAll(() => site?.[Symbol.asyncDispose]())

  test.each(clients)('$client: each frame ends once, as it should', ({ client }) => {
    expect(site.ends((camera) => camera.startsWith(client))).toEqual(plans.get(client)!.ends)
  })

  test('what is sent again under one id is dropped, what came damaged before is not', async () => {
    const dropped = 'sightline_messages_dropped_total{stage="detector",reason="duplicate"}'
    expect(await site.metric(dropped)).toBe(clients.length)
  })

  test('the books close, and the metrics say the same', async () => {
    const published = [...plans.values()].reduce((sum, one) => sum + one.published, 0)
    expect(await site.metric('sightline_messages_in_total')).toBe(published)
    expect(await site.metric('sightline_messages_out_total')).toBe(site.detections.deliveries.length)
    expect(await site.metric('sightline_messages_dead_total')).toBe(site.letters.deliveries.length)
    await expect.poll(() => site.metric('sightline_lag_messages'), { timeout: 10_000 }).toBe(0)
    expect(site.detections.deliveries.length + site.letters.deliveries.length).toBe(published - clients.length)
  })

  test('letters say why, and none is larger than it need be', () => {
    const reasons = Map.groupBy(site.letters.deliveries, ({ headers }) =>
      headers['dlq-reason']!.replaceAll(/\d+ bytes/g, 'N bytes'),
    )
    expect(Object.fromEntries([...reasons].map(([reason, letters]) => [reason, letters.length]))).toEqual({
      'the message has 20001 headers; at most 1000 are read': clients.length,
      'a frame without a value: publish the encoded picture as the value': clients.length,
      "the message can't be read: its record batch (N bytes, zstd, of 1 messages) can't be decompressed: they inflate to more than 64 MiB":
        clients.length,
      [site.letters.deliveries.find(({ headers }) => headers['dlq-code'] === 'IMAGE_UNREADABLE')!.headers[
        'dlq-reason'
      ]!]: clients.length,
    })
    for (const { headers } of site.letters.deliveries) expect(Object.keys(headers).length).toBeLessThan(120)
  })

  test('a camera keeps its partition, whatever bytes it is named by', () => {
    for (const { client } of clients) {
      for (const byte of [0xff, 0xfe]) {
        const key = Buffer.concat([bytes(`${client}-odd`), Buffer.from([byte])])
        const found = site.detections.deliveries.filter((one) => one.key === `${client}-odd\\x${byte.toString(16)}`)
        expect(found.map(({ partition }) => partition)).toEqual([(murmur2(key) & 0x7fffffff) % partitions])
      }
    }
  })

  test('times that can not be are put right, and told once a camera', () => {
    const now = Date.now()
    const frames = site.detections.deliveries.map(({ value }) => decodeDetections(value).frame)
    const odd = frames.filter(({ id }) => /:(before-all-clocks|ahead|undated)$/.test(id))
    expect(odd.length).toBe(3 * clients.length)
    for (const { capturedAt } of odd) expect(Math.abs(now - capturedAt)).toBeLessThan(120_000)
    const told = site.detector.child
      .output()
      .split('\n')
      .filter((line) => line.includes('of a time that cannot be'))
    expect(told.length).toBe(clients.length)
  })

  test.skipIf(kcat === undefined)('kcat: a header without a value, snappy, and keys as they were', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    const file = join(folder, 'frame.jpg')
    await writeFile(file, picture)
    const broker = ['-b', kafka!.brokers.join(',')]
    const run = promisify(execFile)
    await run('kcat', [
      ...broker,
      '-P',
      '-t',
      site.topics.frames,
      '-k',
      'kcat',
      '-H',
      'trace',
      '-z',
      'snappy',
      file,
      file,
    ])
    await site.detections.until((found) => found.filter(({ key }) => key === 'kcat').length === 2)
    const read = [
      ...broker,
      '-C',
      '-e',
      '-q',
      '-t',
      site.topics.detections,
      '-X',
      'isolation.level=read_committed',
      '-f',
      '%k\n',
    ]
    const { stdout } = await run('kcat', read, { encoding: 'buffer' })
    expect(stdout.filter((byte) => byte === 0x0a).length).toBe(site.detections.deliveries.length)
    expect(stdout.filter((byte) => byte === 0xff || byte === 0xfe).length).toBe(2 * clients.length)
    await rm(folder, { recursive: true })
  })

  test.skipIf(redis === undefined)('two deployments that share a Redis answer every frame each', async () => {
    await using other = await Site.open()
    const { produce } = clients[0]!
    const steps = Array.from({ length: framesOfEach }, (_, index) => frame('shared', `s${index}`))
    const runs = [site, other].map(({ topics }) => ({ topic: topics.frames, config: {}, steps }))
    await produce(kafka!.brokers, runs)
    const ids = steps.map((_, index) => `shared:s${index}`)
    const all = Object.fromEntries(ids.map((id) => [id, ['event']]))
    for (const one of [site, other]) {
      await one.detections.until((found) => found.filter(({ key }) => key === 'shared').length === framesOfEach)
      expect(one.ends((camera) => camera === 'shared')).toEqual(all)
    }
    expect(await other.metric('sightline_messages_dropped_total')).toBe(0)
  })
})
