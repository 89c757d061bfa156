/** Requests that kafkajs 2.2.4 does not speak: which topic a name means, and whose transaction is open in a partition. */

import type { WireDecoder, WireEncoder, WireRequest } from './kafka-wire.ts'
import { Decoder, Encoder } from './kafkajs.ts'

export const metadataKey = 3
export const describeProducersKey = 61
export const listTransactionsKey = 66

/** Brokers from 2.8 on tell the ids of topics. */
export const metadataVersion = 10

/** Of a topic that is not there. */
const unknownTopic = 3
const noId = Buffer.alloc(16)

export interface TopicAnswer {
  readonly name: string
  /** Another one for each topic that was ever made, also under the same name; null where the broker gives none. */
  readonly id: string | null
  /** The leader's node id by partition; negative while there is none. */
  readonly leaders: ReadonlyMap<number, number>
}

export interface ClusterAnswer {
  readonly brokers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
  /** Topics that are not there are left out. */
  readonly topics: readonly TopicAnswer[]
}

/** Metadata, version 10 (KIP-516). */
export const metadataRequest = (names: readonly string[]): WireRequest<ClusterAnswer> =>
  request('Metadata', metadataKey, metadataVersion, encodeMetadata(names), decodeMetadata)

function encodeMetadata(names: readonly string[]): WireEncoder {
  const encoder = body().writeUVarInt(names.length + 1)
  for (const name of names) encoder.writeBuffer(noId).writeUVarIntString(name).writeInt8(0)
  return encoder.writeBoolean(false).writeBoolean(false).writeBoolean(false).writeInt8(0)
}

function decodeMetadata(decoder: WireDecoder): ClusterAnswer {
  decoder.readInt32()
  const brokers = list(decoder, () => {
    const nodeId = decoder.readInt32()
    const host = decoder.readUVarIntString() ?? ''
    const port = decoder.readInt32()
    decoder.readUVarIntString()
    decoder.readTaggedFields()
    return [nodeId, { host, port }] as const
  })
  decoder.readUVarIntString()
  decoder.readInt32()
  const topics = list(decoder, () => {
    const error = decoder.readInt16()
    const name = decoder.readUVarIntString() ?? ''
    const id = decoder.readBytes(16)
    decoder.readBoolean()
    const leaders = list(decoder, () => leaderOf(decoder))
    decoder.readInt32()
    decoder.readTaggedFields()
    return { name, error, id: noId.equals(id) ? null : id.toString('base64url'), leaders: new Map(leaders) }
  })
  return { brokers: new Map(brokers), topics: topics.filter(({ error }) => error !== unknownTopic) }
}

function leaderOf(decoder: WireDecoder): readonly [number, number] {
  decoder.readInt16()
  const partition = decoder.readInt32()
  const leader = decoder.readInt32()
  decoder.readInt32()
  for (let replicas = 0; replicas < 3; replicas += 1) list(decoder, () => decoder.readInt32())
  decoder.readTaggedFields()
  return [partition, leader]
}

export interface ActiveProducer {
  readonly producerId: string
  /** Where its open transaction begins in the partition; negative where it has none. */
  readonly openFrom: bigint
}

/** DescribeProducers, version 0 (KIP-664): who has written to a partition of late. Asked of its leader. */
export const describeProducersRequest = (
  topic: string,
  partition: number,
): WireRequest<{ readonly producers: readonly ActiveProducer[] }> => {
  const encoder = body().writeUVarInt(2).writeUVarIntString(topic)
  encoder.writeUVarInt(2).writeInt32(partition).writeInt8(0).writeInt8(0)
  return request('DescribeProducers', describeProducersKey, 0, encoder, (decoder) => {
    decoder.readInt32()
    const producers = list(decoder, () => {
      decoder.readUVarIntString()
      const found = list(decoder, () => producersOf(decoder)).flat()
      decoder.readTaggedFields()
      return found
    })
    return { producers: producers.flat() as readonly ActiveProducer[] }
  })
}

function producersOf(decoder: WireDecoder): readonly ActiveProducer[] {
  decoder.readInt32()
  decoder.readInt16()
  decoder.readUVarIntString()
  const producers = list(decoder, () => {
    const producerId = decoder.readInt64().toString()
    decoder.readInt32()
    decoder.readInt32()
    decoder.readInt64()
    decoder.readInt32()
    const openFrom = BigInt(decoder.readInt64().toString())
    decoder.readTaggedFields()
    return { producerId, openFrom }
  })
  decoder.readTaggedFields()
  return producers
}

/** ListTransactions, version 0 (KIP-664): transactional ids of one producer. Each broker knows those it coordinates. */
export const listTransactionsRequest = (
  producerId: string,
): WireRequest<{ readonly transactionalIds: readonly string[] }> => {
  const encoder = body().writeUVarInt(1).writeUVarInt(2).writeInt64(producerId).writeInt8(0)
  return request('ListTransactions', listTransactionsKey, 0, encoder, (decoder) => {
    decoder.readInt32()
    decoder.readInt16()
    list(decoder, () => decoder.readUVarIntString())
    const transactionalIds = list(decoder, () => {
      const id = decoder.readUVarIntString() ?? ''
      decoder.readInt64()
      decoder.readUVarIntString()
      decoder.readTaggedFields()
      return id
    })
    return { transactionalIds }
  })
}

/** A flexible request begins with the tagged fields of its header: none. */
const body = (): WireEncoder => new Encoder().writeInt8(0)

const list = <T>(decoder: WireDecoder, read: () => T): readonly T[] => decoder.readUVarIntArray(read) ?? []

function request<Answer>(
  apiName: string,
  apiKey: number,
  apiVersion: number,
  encoder: WireEncoder,
  read: (decoder: WireDecoder) => Answer,
): WireRequest<Answer> {
  return {
    request: { apiKey, apiVersion, apiName, encode: async () => encoder },
    response: {
      decode: async (bytes) => {
        const decoder = new Decoder(bytes)
        decoder.readTaggedFields()
        return read(decoder)
      },
      parse: async (answer) => answer,
    },
  }
}
