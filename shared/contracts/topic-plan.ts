/** How each topic of a deployment should be: what is kept how long, how large a message may be, what is compressed. */
import type { TopicSpec } from '../bus/kafka/kafka-topics.ts'
import { defaultMessageLimit } from './dead-letter-topics.ts'
import { deadLetterTopics, topicList, topicNames, topology } from './topology.ts'

export interface TopicPlanOptions {
  readonly prefix: string
  /** Of every topic alike: a camera keeps its partition from stage to stage. Also the most instances a stage can use. */
  readonly partitions: number
  readonly replication: number
  /** How long frames and what is made of them are kept. */
  readonly retentionHours: number
  /** How long recognition events and dead letters are kept: someone may have to come back to them. */
  readonly longRetentionHours: number
  /** Most bytes of a topic, all partitions together, of one copy; null where time alone decides. */
  readonly retentionBytes: number | null
}

export const defaultTopicPlan: TopicPlanOptions = {
  prefix: '',
  partitions: 12,
  replication: 1,
  retentionHours: 24,
  longRetentionHours: 14 * 24,
  retentionBytes: null,
}

/** Kafka's own size of a segment. */
const defaultSegmentBytes = 2 ** 30

/** Every topic, dead-letter topics included. */
export function planTopics(options: TopicPlanOptions): readonly TopicSpec[] {
  const { partitions, replication, retentionHours, longRetentionHours, retentionBytes } = options
  const topics = topicNames(options.prefix)
  const spec = (name: string, hours: number, config: TopicSpec['config'] = {}): TopicSpec => ({
    name,
    partitions,
    replication,
    config: {
      'max.message.bytes': String(defaultMessageLimit(name)),
      'cleanup.policy': 'delete',
      'retention.ms': String(hours * 3_600_000),
      ...(retentionBytes === null ? {} : sizeLimit(retentionBytes / partitions, defaultMessageLimit(name))),
      ...config,
    },
  })
  return [
    ...topicList.map((name) => {
      const { retention, payload } = topology[name]
      const config = payload === 'pictures' ? { 'compression.type': 'uncompressed' } : {}
      return spec(topics[name], retention === 'long' ? longRetentionHours : retentionHours, config)
    }),
    ...deadLetterTopics(topics).map((name) => spec(name, longRetentionHours)),
  ]
}

/**
 * Kafka deletes whole segments, and one only where what is left holds the bytes to retain: a partition takes those and a
 * segment more. So three quarters of its share are retained, in segments of a quarter.
 */
function sizeLimit(partitionBytes: number, messageLimit: number): TopicSpec['config'] {
  // A segment takes at least one message.
  const segment = Math.max(2 * messageLimit, Math.min(defaultSegmentBytes, Math.floor(partitionBytes / 4)))
  return {
    'retention.bytes': String(Math.max(segment, Math.floor(partitionBytes) - segment)),
    'segment.bytes': String(segment),
  }
}
