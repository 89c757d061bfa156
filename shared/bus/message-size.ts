/** The largest message a bus takes: checked before anything is sent, so that the refusal names the message and the way out. */
import { SightlineError } from '../errors/errors.ts'
import type { MessageLimit, Publication } from './bus.ts'
import { textBytes } from './byte-text.ts'

const mebibyte = 1024 * 1024

/** What topics are made with where nothing else is said. */
export const defaultMaxMessageBytes = 8 * mebibyte

/** Kafka counts the record batch around a single message (61 bytes) and the record's own lengths and attributes; rounded up. */
const framing = 128
const perHeader = 10

/** Bytes of a message as a broker counts them, at most `framing` too many. */
export function messageBytes(message: Pick<Publication, 'key' | 'value' | 'headers'>): number {
  let bytes = framing + textBytes(message.key) + (message.value?.byteLength ?? 0)
  for (const [name, value] of Object.entries(message.headers)) {
    bytes += Buffer.byteLength(name) + textBytes(value) + perHeader
  }
  return bytes
}

/** Throws BUS_MESSAGE_TOO_LARGE where a message is over its topic's limit. */
export function assertMessageSize(message: Publication, limitOf: MessageLimit): void {
  const bytes = messageBytes(message)
  const limit = limitOf(message.topic)
  if (bytes <= limit) return
  throw new SightlineError(
    'BUS_MESSAGE_TOO_LARGE',
    `publishing to ${message.topic}: the message with key "${message.key}" is ${mebibytes(bytes)}, the limit is ${mebibytes(limit)}; ` +
      'send a smaller picture',
  )
}

const mebibytes = (bytes: number): string => `${(bytes / mebibyte).toFixed(2)} MiB`
