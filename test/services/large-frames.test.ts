/** Frames about as large as their topic takes, and larger than a dead-letter topic takes: none stops a service. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Publication } from '../../shared/bus/bus.ts'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { KafkaClients, topicResource } from '../../shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes } from '../../shared/bus/kafka/kafka-options.ts'
import { SightlineError } from '../../shared/errors/errors.ts'
import { runCli } from '../harness/cli.ts'
import { Deployment, frameOf } from '../harness/deployment.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')
const mebibyte = 2 ** 20

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]()
})

describe.skipIf(kafka === undefined)('a frame that is no picture', { timeout: 120_000 }, () => {
  async function deploy() {
    const deployment = await Deployment.open(kafka!)
    // A publisher that leaves it to the broker to say what is too large, as any other Kafka client does.
    const publisher = new KafkaBus({ ...kafka!, maxMessageBytes: () => Number.POSITIVE_INFINITY })
    open.push(deployment, publisher)
    const place = ['--brokers', kafka!.brokers.join(','), '--topic-prefix', deployment.prefix]
    return { deployment, publisher, place }
  }
  const frame = ({ topics }: Deployment, key: string, bytes: number): Publication => {
    return { topic: topics.frames, key, value: Buffer.alloc(bytes), headers: {} }
  }

  test('and the largest its topic takes becomes a dead letter; redrive says if it no longer fits, and goes on', async () => {
    const { deployment, publisher, place } = await deploy()
    const detector = await deployment.start('detector')
    await detector.ready
    const reader = await deployment.read()
    let bytes = 8 * mebibyte - 60
    for (let isTaken = false; !isTaken; bytes -= isTaken ? 0 : 1) {
      isTaken = await publisher.publish([frame(deployment, 'cam-1', bytes)]).then(
        () => true,
        (error: unknown) => {
          if (error instanceof SightlineError && error.code === 'BUS_MESSAGE_TOO_LARGE') return false
          throw error
        },
      )
    }
    await publisher.publish([frame(deployment, 'cam-1', 1000)])
    await reader.ended(2)
    expect(reader.dead().map(({ value }) => value!.length)).toEqual([bytes, 1000])
    expect(await detector.child.stop()).toBe(0)

    const [large] = (await runCli('dlq', 'list', '--json', ...place)).json() as unknown as [{ position: string }]
    for (const redriven of [1, 0]) {
      const { code, err, json } = await runCli('dlq', 'redrive', '--all', '--json', ...place)
      expect(json()).toEqual([{ redriven, refused: [large.position] }])
      expect(err).toContain(`${large.position} can't be published again`)
      expect(code).toBe(1)
    }
  })

  test('and larger than a dead letter may be becomes one without it, and the next frame follows', async () => {
    const { deployment, publisher, place } = await deploy()
    await raise(deployment.topics.frames, 16 * mebibyte)
    const { detector } = await deployment.startAll()
    const reader = await deployment.read()
    await publisher.publish([frame(deployment, 'cam-1', 9 * mebibyte)])
    await publisher.publish([frame(deployment, 'x'.repeat(100_000), 8 * mebibyte - 100_100)])
    await deployment.publish([await frameOf('cam-1', 0)])
    await reader.ended(3)
    expect(reader.events()).toHaveLength(1)
    expect((await detector.get('/livez')).status).toBe(200)
    expect(
      reader.dead().map(({ headers, value }) => [headers['dlq-code'], headers['dlq-left-out'], value!.length]),
    ).toEqual(
      expect.arrayContaining([
        ['IMAGE_UNREADABLE', String(9 * mebibyte), 0],
        ['MESSAGE_UNREADABLE', String(8 * mebibyte - 100_100), 0],
      ]),
    )
    const { code, err, json } = await runCli('dlq', 'redrive', '--all', '--json', ...place)
    expect([code, json()]).toEqual([1, [{ redriven: 0, refused: [expect.any(String), expect.any(String)] }]])
    expect(err).toContain('9.00 MiB')
  })

  async function raise(topic: string, bytes: number): Promise<void> {
    const admin = new KafkaClients(kafka!, defaultKafkaTimes).admin()
    await admin.connect()
    const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }]
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: topicResource, name: topic, configEntries }] })
    await admin.disconnect()
  }
})
