/** The names of the topics between the services, and of the dead-letter topic beside each. */
import type { MessageLimit } from '../bus/bus.ts'
import { defaultMaxMessageBytes } from '../bus/message-size.ts'

export interface Topics {
  readonly frames: string
  readonly detections: string
  readonly embeddings: string
  readonly recognitions: string
  /** Compacted: the pictures of the gallery by their ids. */
  readonly gallery: string
}

/** Default names; a deployment sharing a cluster puts its own prefix in front. */
export function topicNames(prefix = ''): Topics {
  return {
    frames: `${prefix}frames`,
    detections: `${prefix}detections`,
    embeddings: `${prefix}embeddings`,
    recognitions: `${prefix}recognitions`,
    gallery: `${prefix}gallery`,
  }
}

/** Where messages of `topic` go that can't be processed. */
export const deadLetterTopic = (topic: string): string => `${topic}.dlq`

export const isDeadLetterTopic = (topic: string): boolean => topic.endsWith('.dlq')

/** A dead letter is the original message with more headers: what was let in must be let out again. */
const deadLetterExtra = 64 * 1024

/** `bytes` for every topic, and a little more for the dead letters beside it. */
export const messageLimit =
  (bytes: number): MessageLimit =>
  (topic) =>
    isDeadLetterTopic(topic) ? bytes + deadLetterExtra : bytes

export const defaultMessageLimit: MessageLimit = messageLimit(defaultMaxMessageBytes)
