/** Topics and brokers that take less than planned: what fits goes, what does not is refused by name, and nobody ends. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Handler } from '@sightline/shared/bus/bus.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { KafkaClients, topicResource } from '@sightline/shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes, type KafkaConnection } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { messageBytes } from '@sightline/shared/bus/message-size.ts'
import { describe, expect, it } from 'vitest'
import { Collector, message } from '../../../harness/bus/collector.ts'
import { startKafkaBroker } from '../../../harness/kafka-broker.ts'
import { requireService } from '../../../harness/services.ts'
import { createTopic, quickTimes } from './kafka-setup.ts'

const kafka = await requireService('kafka')
const canStart = await requireService('kafka-process')

const kilobyte = 1000
const oneMegabyte = String(1024 * 1024)

/** Each input's text is the size of its output, in kB; one that the topic does not take leaves a note of its size. */
const inflate =
  (bus: KafkaBus, topic: string): Handler =>
  async (batch) =>
    batch.map(({ key, value }) => {
      const size = Number(Buffer.from(value!).toString())
      const output = { topic, key, value: Buffer.alloc(size * kilobyte), headers: {} }
      return messageBytes(output) <= bus.maxMessageBytes(topic) ? output : message(topic, key, `too large: ${size}`)
    })

const sizes = (collector: Collector): readonly string[] =>
  collector.deliveries.map(({ value }) =>
    value!.length >= kilobyte ? String(value!.length / kilobyte) : Buffer.from(value!).toString(),
  )

async function feed(connection: KafkaConnection, bus: KafkaBus, input: string, output: string) {
  await using reader = await Collector.on(bus, output)
  await using subscription = await bus.subscribe({ group: input, topic: input, maxBatch: 100 }, inflate(bus, output))
  // Together several times what one request takes.
  const wanted = ['200', '900', '400', '3000', '700', '900', '900', '5', '1200']
  await bus.publish(wanted.map((size) => message(input, 'same key', size)))
  await Promise.race([reader.count(wanted.length), subscription.closed])
  expect(sizes(reader)).toEqual(['200', '900', '400', 'too large: 3000', '700', '900', '900', '5', 'too large: 1200'])
  await expect(bus.publish([{ ...message(output, 'a', ''), value: Buffer.alloc(1_200_000) }])).rejects.toMatchObject({
    code: 'BUS_MESSAGE_TOO_LARGE',
  })
  expect(connection.brokers).toHaveLength(1)
}

describe.skipIf(kafka === undefined)('a topic that takes 1 MB where 8 MiB were planned', { timeout: 60_000 }, () => {
  it.each(['exactly-once', 'at-least-once'] as const)('%s', async (delivery) => {
    const [input, output] = [await createTopic(kafka!), await createTopic(kafka!, { 'max.message.bytes': oneMegabyte })]
    const told: string[] = []
    const logger = { debug: () => undefined, info: () => undefined, warn: (_: object, text: string) => told.push(text) }
    await using bus = new KafkaBus({
      ...kafka!,
      delivery,
      times: quickTimes,
      logger: { ...logger, error: logger.warn },
    })
    await feed(kafka!, bus, input, output)
    expect(told.filter((text) => text.startsWith(`${output} takes messages of at most 1048576 bytes`))).toHaveLength(1)
  })

  it('from now on, while it is written to', async () => {
    const [input, output] = [await createTopic(kafka!), await createTopic(kafka!)]
    const redelivery = { initialBackoffMs: 5, maxBackoffMs: 20, maxAttempts: 5 }
    await using bus = new KafkaBus({ ...kafka!, times: quickTimes, redelivery })
    await using reader = await Collector.on(bus, output)
    await using subscription = await bus.subscribe({ group: input, topic: input, maxBatch: 10 }, inflate(bus, output))
    await bus.publish([message(input, 'a', '2000')])
    await reader.count(1)
    const admin = new KafkaClients(kafka!, defaultKafkaTimes).admin()
    await admin.connect()
    const configEntries = [{ name: 'max.message.bytes', value: oneMegabyte }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: topicResource, name: output, configEntries }],
    })
    await admin.disconnect()
    await sleep(500)
    await bus.publish([message(input, 'a', '2000'), message(input, 'a', '900')])
    await Promise.race([reader.count(3), subscription.closed])
    expect(sizes(reader)).toEqual(['2000', 'too large: 2000', '900'])
  })
})

describe.skipIf(canStart === undefined)('a broker that takes 1 MB', { timeout: 90_000 }, () => {
  it.each([
    ['by message.max.bytes, as managed clusters do', { 'message.max.bytes': oneMegabyte }],
    ['by socket.request.max.bytes', { 'socket.request.max.bytes': oneMegabyte }],
  ])('%s', async (_how, properties) => {
    await using broker = await startKafkaBroker({ properties })
    const connection = { brokers: [broker.address] }
    const [input, output] = [await createTopic(connection), await createTopic(connection)]
    await using bus = new KafkaBus({ ...connection, times: quickTimes })
    await feed(connection, bus, input, output)
  })
})
