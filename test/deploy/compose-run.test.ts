import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { positionText } from '../../shared/bus/position.ts'
import { recognitionEventSchema } from '../../shared/contracts/recognition-event.ts'
import { topicNames } from '../../shared/contracts/topology.ts'
import { Collector } from '../harness/bus/collector.ts'
import { requireService } from '../harness/services.ts'
import { ComposeUp } from './compose-up.ts'

const kafka = await requireService('kafka-process')
const redis = await requireService('redis-process')
const qdrant = await requireService('qdrant-process')

const services = ['detector', 'embedder', 'matcher']
const cameras = ['shelf', 'checkout', 'conveyor']

describe.skipIf(kafka === undefined || redis === undefined)('docker compose up', { timeout: 180_000 }, () => {
  let folder: string
  let compose: ComposeUp

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    compose = await ComposeUp.in(folder, {
      KAFKA_HEAP_OPTS: '-Xms256m -Xmx256m',
      SIGHTLINE_TOPIC_PARTITIONS: '4',
      SIGHTLINE_LOG_FORMAT: 'json',
      DEMO_FPS: '4',
      SIGHTLINE_WORKERS: '1',
      // Where Qdrant can't run, a folder takes its place.
      SIGHTLINE_GALLERY: qdrant === undefined ? join(folder, 'gallery') : '',
    })
  })
  afterAll(async () => {
    await compose?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  test('starts the three services, ready and healthy', async () => {
    const running = await Promise.all(services.map((name) => compose.up(name)))
    await Promise.all(running.map((service) => service.ready))
    for (const { httpPort } of running) {
      const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`)
      expect(await response.json()).toMatchObject({ status: 'ready' })
      expect(response.status).toBe(200)
    }
  })

  test('--profile demo: shows what its cameras see, and names the products', async () => {
    const watch = await compose.up('demo-watch')
    const labels = (
      await compose.up('demo-gallery').then(async ({ child }) => {
        expect(await child.exited, child.output()).toBe(0)
        return readFile(join(folder, 'pictures', 'labels.txt'), 'utf8')
      })
    )
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[1]!)
    expect(new Set(labels).size).toBe(12)

    const lines: string[] = []
    const seen = new Promise<void>((resolve) => {
      watch.child.onLine((line) => {
        lines.push(line)
        const isShown = (camera: string) =>
          lines.some((one) => one.includes(camera) && labels.some((label) => one.includes(label)))
        if (cameras.every(isShown)) resolve()
      })
    })
    const running = await Promise.all(cameras.map((camera) => compose.up(`demo-camera-${camera}`)))
    const ended = [watch, ...running].map(({ child }) =>
      child.exited.then((code) => Promise.reject(new Error(`ended with ${code}:\n${child.output()}`))),
    )
    for (const end of ended) end.catch(() => undefined)
    await Promise.race([seen, ...ended])

    // A program on the host reaches the same broker by its other address.
    await using bus = new KafkaBus({ brokers: [compose.broker] })
    await using events = await Collector.on(bus, topicNames().recognitions, 'host')
    await events.until((all) => new Set(all.map(({ key }) => key)).size === 3)
    const [first] = events.deliveries
    const event = recognitionEventSchema.parse(JSON.parse(Buffer.from(first!.value!).toString()))
    expect(event).toMatchObject({ skipped: null, gallery: { items: 12, entries: 60 } })
  })

  test('a killed service is started again when its session has expired, and nothing is lost or doubled', async () => {
    const { child } = await compose.up('detector')
    const { pid } = JSON.parse(child.output().split('\n')[0]!) as { pid: number }
    process.kill(pid, 'SIGKILL')
    expect(await child.exited).toBe(137)
    const restarted = Date.now()
    await (await compose.again('detector')).ready

    await using bus = new KafkaBus({ brokers: [compose.broker] })
    const { frames, recognitions } = topicNames()
    await using published = await Collector.on(bus, frames, 'frames-again')
    await using events = await Collector.on(bus, recognitions, 'events-again')
    await events.until((all) => all.some(({ headers }) => Date.parse(headers['ce_time']!) > restarted))
    const before = (time: number): boolean => time < restarted
    const wanted = published.deliveries.filter(({ timestamp }) => before(timestamp)).map(positionText)
    const ids = () => events.deliveries.map(({ headers }) => headers['ce_id']!)
    await events.until(() => wanted.every((position) => ids().some((id) => id.endsWith(`@${position}`))))
    expect(wanted.length).toBeGreaterThan(12)
    expect(new Set(ids()).size).toBe(ids().length)
  })

  test('docker compose down: every service ends in order', async () => {
    for (const name of [...cameras.map((camera) => `demo-camera-${camera}`), 'demo-watch', ...services]) {
      const { child } = await compose.up(name)
      expect(await child.stop(), child.output()).toBe(0)
    }
  })
})
