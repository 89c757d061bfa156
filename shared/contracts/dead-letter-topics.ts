/** The dead-letter topic beside a topic: its name, and how large a message it takes. */
import type { MessageLimit } from '../bus/bus.ts'
import { defaultMaxMessageBytes } from '../bus/message-size.ts'

const ending = '.dlq'

/** Where messages of `topic` go that can't be processed. */
export const deadLetterTopic = (topic: string): string => `${topic}${ending}`

export const isDeadLetterTopic = (topic: string): boolean => topic.endsWith(ending)

/** Where the letters of a dead-letter topic came from. */
export function originOf(topic: string): string {
  if (!isDeadLetterTopic(topic)) throw new Error(`${topic} is no dead-letter topic`)
  return topic.slice(0, -ending.length)
}

/** A dead letter is the original message with more headers: what was let in must be let out again. */
const deadLetterExtra = 64 * 1024

/** `bytes` for every topic, and a little more for the dead letters beside it. */
export const messageLimit =
  (bytes: number): MessageLimit =>
  (topic) =>
    isDeadLetterTopic(topic) ? bytes + deadLetterExtra : bytes

export const defaultMessageLimit: MessageLimit = messageLimit(defaultMaxMessageBytes)
