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
}

export const defaultTopicPlan: TopicPlanOptions = {
  prefix: '',
  partitions: 12,
  replication: 1,
  retentionHours: 24,
  longRetentionHours: 14 * 24,
}

/** Every topic, dead-letter topics included. */
export function planTopics(options: TopicPlanOptions): readonly TopicSpec[] {
  const { partitions, replication, retentionHours, longRetentionHours } = options
  const topics = topicNames(options.prefix)
  const spec = (name: string, hours: number, config: TopicSpec['config'] = {}): TopicSpec => ({
    name,
    partitions,
    replication,
    config: {
      'max.message.bytes': String(defaultMessageLimit(name)),
      'cleanup.policy': 'delete',
      'retention.ms': String(hours * 3_600_000),
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
