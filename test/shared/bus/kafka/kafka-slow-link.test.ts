/** Publishing over a link that is slow, and to a broker that falls silent: each message arrives once, in about the time the link needs. */
import { createHash, randomBytes } from 'node:crypto'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Collector } from '../../../harness/bus/collector.ts'
import { freePorts } from '../../../harness/free-port.ts'
import { type KafkaBroker, startKafkaBroker } from '../../../harness/kafka-broker.ts'
import { type KafkaProxy, produce, startKafkaProxy } from '../../../harness/kafka-proxy.ts'
import { requireService } from '../../../harness/services.ts'
import { createTopic } from './kafka-setup.ts'

const canStart = await requireService('kafka-process')

/** Of messages of several MB: comparing them byte by byte takes longer than sending them. */
const digest = (bytes: Uint8Array | null): string =>
  createHash('sha256')
    .update(bytes ?? '')
    .digest('hex')

describe.skipIf(canStart === undefined)('Publishing over a slow link', { timeout: 120_000 }, () => {
  let broker: KafkaBroker
  let proxy: KafkaProxy
  let far: KafkaBus
  let near: KafkaBus

  beforeAll(async () => {
    const [proxyPort] = (await freePorts(1)) as [number]
    broker = await startKafkaBroker({ proxyPort })
    proxy = await startKafkaProxy(proxyPort, broker.proxyTarget)
    far = new KafkaBus({ brokers: [`127.0.0.1:${proxyPort}`] })
    near = new KafkaBus({ brokers: [broker.address] })
  })

  afterAll(async () => {
    await far?.[Symbol.asyncDispose]()
    await near?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    await broker?.[Symbol.asyncDispose]()
  })

  async function publishAndRead(sizes: readonly number[]): Promise<number> {
    const topic = await createTopic({ brokers: [broker.address] }, { 'max.message.bytes': String(8 * 2 ** 20) })
    const values = sizes.map((size) => randomBytes(size))
    const started = performance.now()
    await far.publish(values.map((value) => ({ topic, key: 'camera', value, headers: {} })))
    const took = performance.now() - started
    await using reader = await Collector.on(near, topic)
    await near.publish([{ topic, key: 'camera', value: Buffer.from('end'), headers: {} }])
    await reader.until((deliveries) => deliveries.some(({ value }) => value?.length === 3))
    expect(reader.deliveries.map(({ value }) => digest(value)).slice(0, -1)).toEqual(values.map(digest))
    return took
  }

  it.each([
    ['8 Mbit/s', 1_000_000, 6_000_000],
    ['2 Mbit/s', 250_000, 2_000_000],
  ])('of %s takes what the link needs, and is done once', async (_name, bandwidth, size) => {
    proxy.bandwidth = bandwidth
    const seconds = (await publishAndRead([size])) / 1000
    proxy.bandwidth = Infinity
    expect(seconds).toBeGreaterThan((size / bandwidth) * 0.7)
    expect(seconds).toBeLessThan((size / bandwidth) * 1.5 + 2)
  })

  it('gives a broker that falls silent up, and takes another connection', async () => {
    let held = 0
    proxy.judge = (apiKey) => {
      if (apiKey !== produce || held > 0) return 'pass'
      held += 1
      return 'hold'
    }
    const took = await publishAndRead([1000])
    proxy.release()
    expect(held).toBe(1)
    expect(took).toBeLessThan(10_000)
  })

  it('goes on after a connection that was idle', async () => {
    await publishAndRead([1000])
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    expect(await publishAndRead([1000])).toBeLessThan(2_000)
  })
})
