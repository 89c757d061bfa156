import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { KafkaClients } from '@sightline/shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes, type KafkaSasl } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { describeError } from '@sightline/shared/errors/errors.ts'
import { describe, expect, it } from 'vitest'
import { Collector, message } from '../../../harness/bus/collector.ts'
import { freePorts } from '../../../harness/free-port.ts'
import { testPassword } from '../../../harness/kafka-broker.ts'
import { requireService } from '../../../harness/services.ts'
import { createTopic, quickTimes } from './kafka-setup.ts'

const kafka = await requireService('kafka')
const secure = await requireService('kafka-secure')

describe.skipIf(secure === undefined)('Kafka bus over TLS with a log-in', () => {
  const connection = (mechanism: KafkaSasl['mechanism'], password: string) => ({
    brokers: secure!.brokers,
    tls: { ca: secure!.ca },
    sasl: { mechanism, username: 'sightline', password },
    times: quickTimes,
  })

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('works with %s', async (mechanism) => {
    const options = connection(mechanism, testPassword)
    const topic = await createTopic(options)
    await using bus = new KafkaBus(options)
    await using reader = await Collector.on(bus, topic)
    await bus.publish([message(topic, 'cam', 'hello')])
    await reader.count(1)
  })

  it('refuses a wrong password for good, and does not repeat it', async () => {
    const lines: string[] = []
    const keep = (fields: object, text: string) => void lines.push(JSON.stringify(fields) + text)
    const logger = { debug: keep, info: keep, warn: keep, error: keep }
    await using bus = new KafkaBus({ ...connection('plain', 'wrong-4711'), logger })
    const error = await bus.publish([message('any', 'cam', 'x')]).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'BUS_UNAVAILABLE', retryable: false })
    expect(describeError(error)).toMatch(/authentication/i)
    expect(describeError(error) + lines.join()).not.toContain('4711')
  })

  it('does not talk to a broker whose certificate it does not know', async () => {
    const { tls: _, ...rest } = connection('plain', testPassword)
    await using bus = new KafkaBus({ ...rest, tls: {} })
    const error = await bus.publish([message('any', 'cam', 'x')]).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'BUS_UNAVAILABLE' })
    expect(describeError(error)).toMatch(/certificate/)
  })
})

describe.skipIf(kafka === undefined)('Kafka bus and the world around it', () => {
  it('says which topic is missing and how to make it', async () => {
    await using bus = new KafkaBus({ ...kafka!, times: quickTimes })
    const missing = { code: 'BUS_TOPIC_MISSING', message: expect.stringMatching(/nowhere.*sightline topics create/) }
    await expect(bus.publish([message('nowhere', 'cam', 'x')])).rejects.toMatchObject(missing)
    const options = { group: 'g', topic: 'nowhere', maxBatch: 1 }
    await expect(bus.subscribe(options, async () => [])).rejects.toMatchObject(missing)
    await expect(bus.assertTopics(['nowhere'])).rejects.toMatchObject(missing)
  })

  it('says which broker does not answer', async () => {
    const [port] = await freePorts(1)
    await using bus = new KafkaBus({ brokers: [`127.0.0.1:${port}`], times: quickTimes })
    const error = await bus.publish([message('any', 'cam', 'x')]).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'BUS_UNAVAILABLE', retryable: true })
    expect(describeError(error)).toContain(`127.0.0.1:${port}`)
  })

  it('reads messages of other clients: no key, a key that is not text, headers that are there twice', async () => {
    const topic = await createTopic(kafka!)
    await using bus = new KafkaBus({ ...kafka!, times: quickTimes })
    await using reader = await Collector.on(bus, topic)
    const never = new AbortController().signal
    const producer = new KafkaClients(kafka!, defaultKafkaTimes).idempotentProducer(never)
    await producer.connect()
    const [partition, value] = [0, Buffer.from('x')]
    const messages = [
      { partition, key: null, value },
      { partition, key: Buffer.from([0xff, 0xfe]), value, headers: { twice: ['a', Buffer.from('b')] } },
    ]
    await producer.send({ topic, messages })
    await producer.disconnect()
    await reader.count(2)
    expect(reader.deliveries.map(({ key, headers }) => [key, headers])).toEqual([
      ['', {}],
      ['\\xff\\xfe', { twice: 'b' }],
    ])
  })

  it('compresses the topics it is told to', async () => {
    const topic = await createTopic(kafka!, { 'max.message.bytes': '20000' })
    const large = message(topic, 'cam', 'well compressible '.repeat(10_000))
    await using plain = new KafkaBus({ ...kafka!, times: quickTimes })
    const refused = { code: 'BUS_MESSAGE_TOO_LARGE', message: expect.stringContaining('max.message.bytes') }
    await expect(plain.publish([large])).rejects.toMatchObject(refused)
    await using bus = new KafkaBus({ ...kafka!, times: quickTimes, compression: () => 'zstd' })
    await using reader = await Collector.on(bus, topic)
    await bus.publish([large])
    await reader.count(1)
    expect(Buffer.compare(reader.deliveries[0]!.value!, large.value!)).toBe(0)
  })
})
