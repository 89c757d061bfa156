import { randomUUID } from 'node:crypto'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { describeTopics, ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { describe, expect, it } from 'vitest'
import { requireService } from '../../../harness/services.ts'

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('topics', () => {
  const spec = () => ({
    name: `topic-${randomUUID().slice(0, 8)}`,
    partitions: 3,
    replication: 1,
    config: { 'cleanup.policy': 'compact', 'max.message.bytes': '8388608' },
  })

  it('are created once, and found as they should be from then on', async () => {
    const specs = [spec(), spec()]
    expect((await describeTopics(kafka!, specs)).map(({ state }) => state)).toEqual(['missing', 'missing'])
    expect((await ensureTopics(kafka!, specs)).map(({ state }) => state)).toEqual(['created', 'created'])
    const report = specs.map(({ name }) => ({ name, state: 'present', differences: [] }))
    expect(await ensureTopics(kafka!, specs)).toEqual(report)
    await using bus = new KafkaBus(kafka!)
    await expect(bus.assertTopics(specs.map(({ name }) => name))).resolves.toBeUndefined()
  })

  it('that are other than they should be are reported and left alone', async () => {
    const before = spec()
    await ensureTopics(kafka!, [before])
    const wanted = {
      ...before,
      partitions: 6,
      replication: 3,
      config: { ...before.config, 'cleanup.policy': 'delete' },
    }
    const differences = [
      { setting: 'partitions', wanted: '6', found: '3' },
      { setting: 'replication', wanted: '3', found: '1' },
      { setting: 'cleanup.policy', wanted: 'delete', found: 'compact' },
    ]
    expect(await ensureTopics(kafka!, [wanted])).toEqual([{ name: before.name, state: 'present', differences }])
    expect(await describeTopics(kafka!, [before])).toEqual([{ name: before.name, state: 'present', differences: [] }])
  })

  it('can be created by two at the same time', async () => {
    const specs = [spec(), spec()]
    await Promise.all([ensureTopics(kafka!, specs), ensureTopics(kafka!, specs)])
    expect((await describeTopics(kafka!, specs)).map(({ state }) => state)).toEqual(['present', 'present'])
  })
})
