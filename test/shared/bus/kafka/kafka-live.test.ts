/** What happens to a topic while it is read: deleted and made again, grown, held open by a stranger, emptied by retention. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Publication, Subscription } from '@sightline/shared/bus/bus.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { type KafkaAdmin, KafkaClients } from '@sightline/shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Collector, clean, compare, forward, message, numbered } from '../../../harness/bus/collector.ts'
import { requireService } from '../../../harness/services.ts'
import { quickTimes, uniqueTopic } from './kafka-setup.ts'

interface SeekEntry {
  readonly partition: number
  readonly offset: string
  readonly metadata?: string | null
}

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('a topic that changes while it is read', { timeout: 60_000 }, () => {
  const times = { ...quickTimes, watchMs: 300 }
  const clients = kafka && new KafkaClients(kafka, { ...defaultKafkaTimes, ...quickTimes })
  let admin: KafkaAdmin
  let bus: KafkaBus

  beforeAll(async () => {
    admin = clients!.admin()
    await admin.connect()
    bus = new KafkaBus({ ...kafka!, times })
  })

  afterAll(async () => {
    await bus[Symbol.asyncDispose]()
    await admin.disconnect()
  })

  const make = (name: string, partitions = 2) =>
    ensureTopics(kafka!, [{ name, partitions, replication: 1, config: {} }])

  const remake = async (name: string, partitions = 2): Promise<void> => {
    await admin.deleteTopics({ topics: [name] })
    await make(name, partitions)
  }

  const read = (topic: string, group: string, collector: Collector, maxBatch = 10): Promise<Subscription> =>
    bus.subscribe({ group, topic, maxBatch }, collector.handler)

  /** Strangers' tools: nothing that is ours chooses the partition or the offset. */
  const publishTo = async (topic: string, partition: number, values: readonly string[]): Promise<void> => {
    const producer = clients!.transactionalProducer(`stranger-${topic}`)
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: values.map((value) => ({ partition, value })) })
    await transaction.commit()
    await producer.disconnect()
  }

  const commitTo = async (topic: string, group: string, partitions: readonly SeekEntry[]): Promise<void> => {
    const producer = clients!.transactionalProducer(`stranger-${topic}`)
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions: [...partitions] }] })
    await transaction.commit()
    await producer.disconnect()
  }

  describe.each(['exactly-once', 'at-least-once'] as const)('%s: made again', (delivery) => {
    it.each([
      ['fewer', 10],
      ['as many', 40],
      ['more', 120],
    ])('while it is read, with %s new messages than the old one had', async (_how, count) => {
      const [topic, out, group] = [uniqueTopic(), uniqueTopic(), uniqueTopic()]
      await make(topic)
      await make(out)
      await using own = new KafkaBus({ ...kafka!, times, delivery })
      await using subscription = await own.subscribe({ group, topic, maxBatch: 10 }, forward(out))
      await using seen = await Collector.on(bus, out)
      const old = numbered(topic, 4, 40)
      await bus.publish(old)
      await seen.count(40)
      await remake(topic)
      const next: readonly Publication[] = numbered(topic, 4, count, 1000)
      await own.publish(next)
      await seen.count(40 + count)
      await sleep(700)
      expect(compare([...old, ...next], seen.deliveries)).toEqual(clean)
      await expect.poll(() => subscription.lag()).toBe(0)
      expect(subscription.troubles()).toEqual([])
    })

    it('while it is not read', async () => {
      const [topic, group] = [uniqueTopic(), uniqueTopic()]
      await make(topic)
      await using own = new KafkaBus({ ...kafka!, times, delivery })
      const first = new Collector()
      const before = await own.subscribe({ group, topic, maxBatch: 10 }, first.handler)
      await own.publish(numbered(topic, 4, 40))
      await first.count(40)
      while ((await before.lag()) > 0) await sleep(20)
      await before[Symbol.asyncDispose]()
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      await remake(topic)
      // As where an offset outlives its topic: committed by a process that did not know of the end yet.
      await commitTo(topic, group, committed!.partitions)
      const next = numbered(topic, 4, 60, 1000)
      await own.publish(next)
      const second = new Collector()
      await using _ = await own.subscribe({ group, topic, maxBatch: 10 }, second.handler)
      await second.count(60)
      await sleep(300)
      expect(compare(next, second.deliveries)).toEqual(clean)
    })
  })

  it('says that it is gone as long as it is, and goes on when it is back', async () => {
    const topic = uniqueTopic()
    await make(topic)
    const collector = new Collector()
    await using subscription = await read(topic, uniqueTopic(), collector)
    await bus.publish([message(topic, 'a', '1')])
    await collector.count(1)
    await admin.deleteTopics({ topics: [topic] })
    await expect.poll(() => subscription.troubles(), { timeout: 10_000 }).toEqual([`the topic ${topic} is gone`])
    await expect(bus.assertTopics([topic])).rejects.toMatchObject({ code: 'BUS_TOPIC_MISSING' })
    await sleep(2000)
    await make(topic)
    await bus.publish([message(topic, 'a', '2')])
    await collector.count(2)
    expect(collector.texts).toEqual(['1', '2'])
    expect(subscription.troubles()).toEqual([])
    await expect(Promise.race([subscription.closed, sleep(100, 'open')])).resolves.toBe('open')
  })

  it.each(['oldest', 'newest'] as const)('reads and writes partitions that are added, from %s', async (from) => {
    const topic = uniqueTopic()
    await make(topic, 1)
    const collector = new Collector()
    await using subscription = await bus.subscribe(
      { group: uniqueTopic(), topic, maxBatch: 10, from },
      collector.handler,
    )
    const first = numbered(topic, 12, 24)
    await bus.publish(first)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
    await publishTo(topic, 3, ['early:1'])
    await collector.until((deliveries) => deliveries.some(({ partition }) => partition === 3))
    const sent = [...first]
    while (new Set(collector.deliveries.map(({ partition }) => partition)).size < 4) {
      const wave = numbered(topic, 12, 24, sent.length)
      sent.push(...wave)
      await bus.publish(wave)
      await collector.count(sent.length + 1)
    }
    await expect.poll(() => subscription.lag()).toBe(0)
    const { missing, doubles } = compare([...sent, message(topic, '', 'early:1')], collector.deliveries)
    expect({ missing, doubles }).toEqual({ missing: [], doubles: [] })
  })

  it('measures to the end of the log behind a transaction of a stranger, and names what holds it', async () => {
    const topic = uniqueTopic()
    await make(topic, 1)
    const collector = new Collector()
    await using subscription = await read(topic, uniqueTopic(), collector)
    await bus.publish([message(topic, 'a', 'before')])
    await collector.count(1)
    await expect.poll(() => subscription.lag()).toBe(0)
    const producer = clients!.transactionalProducer(`left-open-${topic}`)
    await producer.connect()
    const opened = Date.now()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ partition: 0, value: 'open' }] })
    await bus.publish(numbered(topic, 3, 30))
    await expect.poll(() => subscription.lag()).toBe(31)
    await expect.poll(() => subscription.troubles(), { timeout: 5000 }).toHaveLength(1)
    const [trouble] = subscription.troubles()
    expect(trouble).toMatch(`an open transaction holds partition 0 of ${topic} since 2`)
    expect(trouble).toContain(`left-open-${topic}`)
    expect(subscription.oldest()! - opened).toBeGreaterThan(-1000)
    expect(subscription.oldest()! - opened).toBeLessThan(5000)
    await transaction.abort()
    await producer.disconnect()
    await collector.count(31)
    await expect.poll(() => subscription.troubles()).toEqual([])
    await expect.poll(() => subscription.lag()).toBe(0)
    expect(subscription.oldest()).toBeNull()
    expect(collector.texts).not.toContain('open')
  })

  describe('deleted unread', () => {
    const empty = async (topic: string, offset: string): Promise<void> => {
      await admin.fetchTopicMetadata({ topics: [topic] })
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] })
    }

    it('while nobody reads: counted and told when somebody does', async () => {
      const [topic, group] = [uniqueTopic(), uniqueTopic()]
      await make(topic, 1)
      const collector = new Collector()
      const before = await read(topic, group, collector)
      await bus.publish(numbered(topic, 1, 10))
      await collector.count(10)
      while ((await before.lag()) > 0) await sleep(20)
      await before[Symbol.asyncDispose]()
      await bus.publish(numbered(topic, 1, 200, 10))
      await empty(topic, '-1')
      await bus.publish(numbered(topic, 1, 5, 210))
      const later = new Collector()
      await using subscription = await read(topic, group, later)
      await later.count(5)
      expect(later.texts[0]).toBe('key-0:210')
      expect(subscription.lost()).toBeGreaterThanOrEqual(200)
      expect(subscription.lost()).toBeLessThanOrEqual(202)
      expect(subscription.troubles()[0]).toMatch(/\d+ messages of .* were deleted before they were read/)
    })

    it.each([
      ['which a look finds', 300],
      ['which the next fetch finds', 60_000],
    ])('in front of a reader that is held up, %s', async (_how, watchMs) => {
      const topic = uniqueTopic()
      await make(topic, 1)
      await using own = new KafkaBus({ ...kafka!, times: { ...times, watchMs } })
      const gate = Promise.withResolvers<void>()
      const collector = new Collector()
      await using subscription = await own.subscribe({ group: uniqueTopic(), topic, maxBatch: 5 }, async (batch) => {
        collector.add(batch)
        await gate.promise
        return []
      })
      const large = Buffer.alloc(1024 * 1024)
      const publishOne = (text: string) =>
        bus.publish([{ topic, key: 'a', value: large, headers: { text } } satisfies Publication])
      for (let number = 0; number < 40; number += 1) await publishOne(String(number))
      await collector.count(1)
      await sleep(500)
      await empty(topic, '35')
      gate.resolve()
      await publishOne('40')
      await collector.until((deliveries) => deliveries.at(-1)?.headers['text'] === '40')
      await expect.poll(() => subscription.lag()).toBe(0)
      const read = new Set(collector.deliveries.map(({ offset }) => offset)).size
      await expect.poll(() => read + subscription.lost()).toBe(41)
      expect(subscription.lost()).toBeGreaterThan(10)
    })

    it('in front of nobody: an empty log that begins late is no loss for a new group', async () => {
      const topic = uniqueTopic()
      await make(topic, 1)
      await bus.publish(numbered(topic, 1, 20))
      await empty(topic, '15')
      const collector = new Collector()
      await using subscription = await read(topic, uniqueTopic(), collector)
      await collector.count(5)
      expect([subscription.lost(), subscription.troubles()]).toEqual([0, []])
    })
  })
})
