import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { describe } from 'vitest'
import { busContract } from '../../../harness/bus/bus-contract.ts'
import { requireService } from '../../../harness/services.ts'
import { quickTimes } from './kafka-setup.ts'

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('on Kafka', () => {
  for (const delivery of ['exactly-once', 'at-least-once'] as const) {
    busContract({
      name: `Kafka bus, ${delivery}`,
      ...(delivery === 'at-least-once' && { repeats: 'outputs are published before the offset is committed' }),
      open: async ({ topics, redelivery }) => {
        const specs = Object.entries(topics).map(([name, partitions]) => ({
          name,
          partitions,
          replication: 1,
          config: { 'max.message.bytes': String(8 * 1024 * 1024) },
        }))
        await ensureTopics(kafka!, specs)
        return new KafkaBus({ ...kafka!, delivery, times: quickTimes, redelivery })
      },
    })
  }
})
