/** `sightline watch` beside what others do: messages that are no events, a reader that goes away, groups left behind. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { KafkaClients } from '../../shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes } from '../../shared/bus/kafka/kafka-options.ts'
import { encodeRecognitionEvent } from '../../shared/contracts/recognition-event.ts'
import { topicNames } from '../../shared/contracts/topology.ts'
import { finish, line, runCli, startCli } from '../harness/cli.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('watching Kafka', { timeout: 60_000 }, () => {
  const prefix = `w${randomUUID().slice(0, 8)}-`
  const topics = topicNames(prefix)
  const place = ['--brokers', kafka?.brokers.join(',') ?? '', '--topic-prefix', prefix]
  const watch = (...words: string[]) => startCli('watch', ...words, ...place)
  let bus: KafkaBus

  beforeAll(async () => {
    bus = new KafkaBus({ brokers: kafka!.brokers })
    expect((await runCli('topics', 'create', ...place, '--partitions', '1')).code).toBe(0)
  })
  afterAll(() => bus?.[Symbol.asyncDispose]())

  test('tells of messages that are no events, and goes on with those that are', async () => {
    const strange = ['no json', '{"id": 1}'].map((text) => Buffer.from(text))
    const messages = [...strange, null].map((value) => ({ topic: topics.recognitions, key: 'a', value, headers: {} }))
    await bus.publish([...messages, event('a:1')])
    const { code, err, json } = await finish(watch('--from-start', '--limit', '1', '--json'))
    expect([code, json().map(({ id }) => id)]).toEqual([0, ['a:1']])
    for (const offset of [0, 1, 2]) expect(err).toContain(`${topics.recognitions}-0-${offset} is no recognition event`)
  })

  test('ends when nobody reads it any more', async () => {
    const child = watch('--json', '--from-start')
    const ended = once(child, 'close')
    await line(child, (text) => text.includes('a:1'))
    child.stdout.destroy()
    // What it writes first may still be taken by the pipe.
    const flood = async (): Promise<void> => {
      while (child.exitCode === null && child.signalCode === null) await bus.publish([event('a:2')])
    }
    await Promise.all([ended, flood()])
    expect(child.exitCode ?? child.signalCode).not.toBeNull()
  })

  test('leaves no consumer group behind', async () => {
    const before = await groups()
    const child = watch('--dead-letters')
    const ended = finish(child)
    await new Promise<void>((resolve) => child.stderr.on('data', (text) => String(text).includes('wat') && resolve()))
    const seen = line(child, (text) => text.includes('nothing in view'))
    await bus.publish([event('a:3')])
    await seen
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
    expect((await groups()).filter((group) => !before.includes(group))).toEqual([])
  })

  async function groups(): Promise<readonly string[]> {
    const admin = new KafkaClients(kafka!, defaultKafkaTimes).admin()
    await admin.connect()
    const found = await admin.listGroups()
    await admin.disconnect()
    return found.groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(`sightline-watch-${prefix}`))
  }

  const event = (id: string) =>
    encodeRecognitionEvent(topics.recognitions, {
      id,
      camera: 'a',
      source: 'a.jpg',
      capturedAt: new Date(0).toISOString(),
      image: { width: 4, height: 3 },
      objects: [],
      skipped: null,
      gallery: { revision: 1, entries: 1, items: 1 },
      models: { detector: { name: 'd', sha256: 'a' }, embedder: { name: 'e', sha256: 'b' } },
      thresholds: { detection: 0.5, recognition: 0.6 },
      timings: { decodeMs: 1, detectMs: 1, embedMs: 1, matchMs: 1, totalMs: 4 },
    })
})
