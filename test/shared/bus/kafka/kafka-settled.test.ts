import { randomUUID } from 'node:crypto'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { KafkaClients } from '@sightline/shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { topicSettled } from '@sightline/shared/bus/kafka/kafka-settled.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { describe, expect, it } from 'vitest'
import { requireService } from '../../../harness/services.ts'
import { createTopic } from './kafka-setup.ts'

const kafka = await requireService('kafka')
const waiting = { stop: new AbortController().signal }

describe.skipIf(kafka === undefined)('a topic is settled', () => {
  async function openTransaction(topic: string) {
    const clients = new KafkaClients(kafka!, defaultKafkaTimes)
    const producer = clients.transactionalProducer(`settled-${topic}`)
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ partition: 1, value: 'open' }] })
    return { clients, transaction, [Symbol.asyncDispose]: () => producer.disconnect() }
  }

  it('at once where no transaction is open', async () => {
    const topic = await createTopic(kafka!)
    await using bus = new KafkaBus(kafka!)
    await bus.settled(topic, waiting)
    await bus.publish([{ topic, key: 'a', value: Buffer.from('plain'), headers: {} }])
    await bus.settled(topic, waiting)
  })

  it('also where it was made a moment ago, and its leaders are just being found', async () => {
    const topics = Array.from({ length: 40 }, (_, number) => `new-${number}-${randomUUID()}`)
    await ensureTopics(
      kafka!,
      topics.map((name) => ({ name, partitions: 3, replication: 1, config: {} })),
    )
    const clients = new KafkaClients(kafka!, defaultKafkaTimes)
    await Promise.all(topics.map((topic) => topicSettled(clients, topic, 20_000, waiting)))
  })

  it.each(['commit', 'abort'] as const)('when the transaction that was open has ended: %s', async (end) => {
    const topic = await createTopic(kafka!)
    await using open = await openTransaction(topic)
    let isSettled = false
    const settled = topicSettled(open.clients, topic, 20_000, waiting).then(() => {
      isSettled = true
    })
    // Each refusal has looked at least once after the one above had begun to.
    await expect(topicSettled(open.clients, topic, 0, waiting)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' })
    await expect(topicSettled(open.clients, topic, 300, waiting)).rejects.toThrow(`partition 1 of ${topic}`)
    expect(isSettled).toBe(false)
    await open.transaction[end]()
    await settled
  })

  it('and says once what it waits for and how long it will at most, where that takes a while', async () => {
    const topic = await createTopic(kafka!)
    await using open = await openTransaction(topic)
    const told: [string, number][] = []
    const first = Promise.withResolvers<void>()
    const onWait = (...what: [string, number]) => {
      told.push(what)
      first.resolve()
    }
    const settled = topicSettled(open.clients, topic, 20_000, { ...waiting, onWait })
    await first.promise
    await open.transaction.commit()
    await settled
    await topicSettled(open.clients, topic, 20_000, { ...waiting, onWait })
    expect(told).toEqual([[topic, expect.any(Number)]])
    expect(told[0]![1]).toBeLessThan(20_000)
  })

  it('no longer waited for when it is stopped', async () => {
    const topic = await createTopic(kafka!)
    await using open = await openTransaction(topic)
    const stop = new AbortController()
    const ended = topicSettled(open.clients, topic, 20_000, { stop: stop.signal })
    stop.abort()
    await ended
    await open.transaction.abort()
  })

  it('never where there is no such topic', async () => {
    await using bus = new KafkaBus(kafka!)
    await expect(bus.settled('no-such-topic', waiting)).rejects.toMatchObject({ code: 'BUS_TOPIC_MISSING' })
  })
})
