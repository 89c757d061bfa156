/** How each topic of a deployment should be: what is kept how long, how large a message may be, what is compressed. */

import type { TopicSpec } from '../bus/kafka/kafka-topics.ts'
import { deadLetterTopic, defaultMessageLimit, topicNames } from './topics.ts'

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
  const { frames, detections, embeddings, recognitions, gallery } = topicNames(options.prefix)
  const { partitions, replication, retentionHours, longRetentionHours } = options
  const topic = (name: string, config: Readonly<Record<string, string>>): TopicSpec => ({
    name,
    partitions,
    replication,
    config: { 'max.message.bytes': String(defaultMessageLimit(name)), ...config },
  })
  const kept = (hours: number) => ({ 'cleanup.policy': 'delete', 'retention.ms': String(hours * 3_600_000) })
  const processed = [frames, detections, embeddings]
  return [
    // Pictures are compressed already: a broker that compresses them again only loses time.
    topic(frames, { ...kept(retentionHours), 'compression.type': 'uncompressed' }),
    topic(detections, kept(retentionHours)),
    topic(embeddings, kept(retentionHours)),
    topic(recognitions, kept(longRetentionHours)),
    ...processed.map((name) => topic(deadLetterTopic(name), kept(longRetentionHours))),
    topic(gallery, { 'cleanup.policy': 'compact', 'compression.type': 'uncompressed' }),
  ]
}
