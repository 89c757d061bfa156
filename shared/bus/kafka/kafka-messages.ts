/** Between our messages and Kafka's records; pure. */
import type { Delivery, Headers, MessageLimit, Publication } from '../bus.ts'
import { bytesToText, textToBytes } from '../byte-text.ts'
import { messageBytes } from '../message-size.ts'
import type { FetchedMessage, OutgoingMessage } from './kafka-client.ts'
import type { FetchedRecord, RecordHeader } from './kafka-records.ts'

/** What one request carries: records of one partition, as one record batch. */
export interface PartitionSend {
  readonly topic: string
  readonly messages: readonly OutgoingMessage[]
}

/**
 * Other clients send keys, names and values that are not text, headers without a value, or no key at all. What is not there
 * is empty.
 */
export function toDelivery(topic: string, partition: number, message: FetchedMessage): Delivery {
  // Not as kafkajs's types have it: it hands on what our own reader made.
  const record = message as unknown as FetchedRecord
  return {
    topic,
    partition,
    offset: BigInt(record.offset),
    timestamp: Number(record.timestamp),
    key: record.key === null ? '' : bytesToText(record.key),
    value: record.value,
    headers: readHeaders(record.headers),
    ...(record.unreadable === undefined ? {} : { unreadable: record.unreadable }),
  }
}

/**
 * Orders messages into sends of one partition each, none larger than the topic's largest message.
 *
 * One partition a send: kafkajs repeats a whole send when one broker of several fails, and would double what the
 * others have already taken. The size: a broker limits the record batch, and kafkajs makes one batch of a send.
 */
export function toSends(
  messages: readonly Publication[],
  partitionOf: (message: Publication) => number,
  limitOf: MessageLimit,
): readonly PartitionSend[] {
  const sends: PartitionSend[] = []
  const open = new Map<string, { messages: OutgoingMessage[]; bytes: number }>()
  for (const message of messages) {
    const partition = partitionOf(message)
    const place = `${message.topic}/${partition}`
    const bytes = messageBytes(message)
    let current = open.get(place)
    if (current === undefined || current.bytes + bytes > limitOf(message.topic)) {
      current = { messages: [], bytes: 0 }
      open.set(place, current)
      sends.push({ topic: message.topic, messages: current.messages })
    }
    current.messages.push(toRecord(message, partition))
    current.bytes += bytes
  }
  return sends
}

function toRecord({ key, value, headers }: Publication, partition: number): OutgoingMessage {
  const bytes = value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const texts = Object.entries(headers).map(([name, text]) => [name, text.includes('\\x') ? textToBytes(text) : text])
  return { partition, key: key === '' ? null : textToBytes(key), value: bytes, headers: Object.fromEntries(texts) }
}

/** Of a header that is there several times the last one counts. Without a prototype: a header may have any name. */
function readHeaders(headers: readonly RecordHeader[]): Headers {
  const texts: Record<string, string> = Object.create(null)
  for (const [name, value] of headers) texts[name.toString()] = value === null ? '' : bytesToText(value)
  return texts
}
