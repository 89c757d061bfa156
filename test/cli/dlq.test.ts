/** `sightline dlq` when it is killed, and beside what killed processes leave in the topics. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Publication } from '../../shared/bus/bus.ts'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { KafkaClients } from '../../shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes } from '../../shared/bus/kafka/kafka-options.ts'
import { deadLetterTopic, defaultMessageLimit } from '../../shared/contracts/dead-letter-topics.ts'
import { topicNames } from '../../shared/contracts/topology.ts'
import { SightlineError } from '../../shared/errors/errors.ts'
import { deadLetter } from '../../shared/stage/dead-letters.ts'
import { Collector } from '../harness/bus/collector.ts'
import { finish, runCli, startCli } from '../harness/cli.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('dead letters on Kafka', { timeout: 180_000 }, () => {
  const prefix = `d${randomUUID().slice(0, 8)}-`
  const topics = topicNames(prefix)
  const place = ['--brokers', kafka?.brokers.join(',') ?? '', '--topic-prefix', prefix]
  const partitions = [0, 1, 2]
  let bus: KafkaBus
  let clients: KafkaClients

  beforeAll(async () => {
    bus = new KafkaBus({ brokers: kafka!.brokers })
    clients = new KafkaClients(kafka!, defaultKafkaTimes)
    expect((await runCli('topics', 'create', ...place, '--partitions', String(partitions.length))).code).toBe(0)
  })
  afterAll(() => bus?.[Symbol.asyncDispose]())

  const redriveAll = async () => {
    const { code, err, json } = await runCli('dlq', 'redrive', '--all', '--json', ...place)
    expect(code, err).toBe(0)
    return json()[0]
  }

  test('redrive that is killed in between, and again, publishes each letter once', async () => {
    const letters = Array.from({ length: 600 }, (_, number) => letter(`cam-${number % 7}`, BigInt(number)))
    await bus.publish(letters)
    await using reader = await Collector.on(bus, topics.frames, randomUUID())
    for (const _ of ['once', 'twice']) {
      const seen = reader.deliveries.length
      const killed = startCli('dlq', 'redrive', '--all', ...place)
      const ended = finish(killed)
      await Promise.race([reader.until(({ length }) => length > seen), ended])
      killed.kill('SIGKILL')
      expect((await ended).signal, 'killed before its end').toBe('SIGKILL')
    }
    await redriveAll()
    expect(await redriveAll()).toEqual({ redriven: 0, refused: [] })
    await reader.count(letters.length)
    const got = reader.deliveries.map(({ headers }) => headers['redrive-of'])
    expect([got.length, new Set(got).size]).toEqual([letters.length, letters.length])
  })

  test('redrive waits for a transaction that somebody left open, says so, and publishes each letter once', async () => {
    await redriveAll()
    await bus.publish([letter('beside', 5000n)])
    const producer = clients.transactionalProducer(`left-open-${prefix}`)
    await producer.connect()
    const transaction = await producer.transaction()
    for (const partition of partitions) {
      const messages = [{ partition, key: 'of', value: 'a service that was killed' }]
      await transaction.send({ topic: deadLetterTopic(topics.frames), messages })
    }
    const { err, json } = await runCli('dlq', 'redrive', '--all', '--json', ...place)
    expect(json()).toEqual([{ redriven: 1, refused: [] }])
    const topic = deadLetterTopic(topics.frames)
    expect(err).toMatch(new RegExp(`^a transaction is open in ${topic}, .* some 20 s, 1[12][0-9] s at most\\n$`))
    expect(await redriveAll()).toEqual({ redriven: 0, refused: [] })
    await producer.disconnect()
  })

  test('list and redrive leave no consumer group behind', async () => {
    await bus.publish([letter('tidy', 6000n)])
    const before = await groups()
    expect((await runCli('dlq', 'list', '--all', ...place)).code).toBe(0)
    expect(await redriveAll()).toEqual({ redriven: 1, refused: [] })
    expect((await groups()).filter((group) => !before.includes(group))).toEqual([])
  })

  test.each([['list'], ['redrive']])('dlq %s refuses a topic that has no dead letters', async (command) => {
    const { code, err } = await runCli('dlq', command, '--topic', 'frame', ...place)
    expect([code, err]).toEqual([2, expect.stringContaining('--topic takes frames, detections, embeddings')])
  })

  async function groups(): Promise<readonly string[]> {
    const admin = clients.admin()
    await admin.connect()
    const found = await admin.listGroups()
    await admin.disconnect()
    return found.groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(`sightline-dlq-${prefix}`))
  }

  function letter(camera: string, offset: bigint): Publication {
    const value = Buffer.from(`bytes of ${camera}`)
    const delivery = { topic: topics.frames, partition: 0, offset, timestamp: 0, key: camera, value, headers: {} }
    const error = new SightlineError('IMAGE_UNREADABLE', `why ${camera} failed`)
    const time = 1_700_000_000_000 + Number(offset)
    return deadLetter(delivery, { 'frame-id': `${camera}@x` }, { stage: 'detector', error, time }, defaultMessageLimit)
  }
})
