/** Dead letters: the message that could not be processed, as it was, with the reason; of a size that its topic always takes. */
import type { Delivery, Headers, MessageLimit, Publication } from '../bus/bus.ts'
import { messageBytes } from '../bus/message-size.ts'
import { positionText } from '../bus/position.ts'
import { letterHeaders } from '../contracts/dead-letter.ts'
import { deadLetterTopic } from '../contracts/dead-letter-topics.ts'
import { describeError, type SightlineError } from '../errors/errors.ts'

/** In UTF-16 units. */
const maxReasonLength = 500
/** Of the key and each header of a letter without its message; longer than any name that a stage accepts. */
const maxNameLength = 2000

export interface Failure {
  readonly stage: string
  readonly error: SightlineError
  /** ms since the epoch. */
  readonly time: number
}

/**
 * The letter of a message, for `<topic>.dlq`; `headers` are added to the message's own. Where that is larger than the
 * topic takes, because the message's own topic was given a higher limit or its names are very long, the message is left
 * out: a stage that could not get rid of it would stop at it for ever. So is one that could not be read off the log.
 */
export function deadLetter(
  delivery: Delivery,
  headers: Headers,
  { stage, error, time }: Failure,
  limitOf: MessageLimit,
): Publication {
  const topic = deadLetterTopic(delivery.topic)
  const why = {
    stage,
    code: error.code,
    reason: describeError(error).slice(0, maxReasonLength),
    position: positionText(delivery),
    time: new Date(time).toISOString(),
  }
  const { key, value } = delivery
  const whole = { topic, key, value, headers: { ...delivery.headers, ...headers, ...letterHeaders(why) } }
  const isLost = delivery.unreadable !== undefined && value === null
  if (!isLost && messageBytes(whole) <= limitOf(topic)) return whole
  const names = Object.entries(headers).map(([name, text]) => [name, text.slice(0, maxNameLength)])
  return {
    topic,
    key: key.slice(0, maxNameLength),
    value: new Uint8Array(),
    headers: { ...Object.fromEntries(names), ...letterHeaders({ ...why, leftOut: value?.byteLength ?? 0 }) },
  }
}
