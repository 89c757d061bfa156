/** Between our messages and Kafka's records; pure. */
import type { Delivery, Headers, MessageLimit, Publication } from '../bus.ts'
import { messageBytes } from '../message-size.ts'
import type { FetchedMessage, MessageHeaders, OutgoingMessage } from './kafka-client.ts'

/** What one request carries: records of one partition, as one record batch. */
export interface PartitionSend {
  readonly topic: string
  readonly messages: readonly OutgoingMessage[]
}

/** A key that is not text, or none at all, is of no use as a camera id; other clients may send both. */
export function toDelivery(topic: string, partition: number, message: FetchedMessage): Delivery {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key?.toString() ?? '',
    value: message.value,
    headers: readHeaders(message.headers),
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
  return { partition, key: key === '' ? null : key, value: bytes, headers: { ...headers } }
}

/** Of a header that is there several times the last one counts. */
function readHeaders(headers: MessageHeaders | undefined): Headers {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value
    if (last !== undefined) texts[name] = last.toString()
  }
  return texts
}
