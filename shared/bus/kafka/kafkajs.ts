/** The only file that imports kafkajs: as it is, but for what it gets wrong, each defect named beside its workaround. */
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync } from 'node:zlib'
import type * as Kafkajs from 'kafkajs'
import { type AbortedTransaction, type TransactionRecord, withoutAborted } from './kafka-aborted.ts'
import { codecNames, decompress, smallBatch } from './kafka-codecs.ts'
import { defaultRecordLimits, type FetchedRecord, readRecordSet } from './kafka-records.ts'
import { mendRequestQueue, type RequestQueue } from './kafka-request-queue.ts'
import type { WireDecoder, WireEncoder } from './kafka-wire.ts'

export type { Kafkajs }

const require = createRequire(import.meta.url)

/** Puts another module in the place of one of kafkajs 2.2.4, before what uses it is loaded; `make` gets the first. */
function replace(file: string, make: (original: unknown) => unknown): void {
  const path = require.resolve(`kafkajs/src/${file}`)
  const original: unknown = require(path)
  require.cache[path]!.exports = make(original)
}

/**
 * It lets messages of aborted transactions through where several overlap: it starts at most one of them a message, and in
 * the order in which they ended.
 */
type FilterArguments = {
  messages: readonly TransactionRecord[]
  abortedTransactions: readonly AbortedTransaction[] | null
}
replace(
  'consumer/filterAbortedMessages.js',
  () =>
    ({ messages, abortedTransactions }: FilterArguments) =>
      withoutAborted(messages, abortedTransactions),
)

/**
 * Its record decoder copies all headers for each header (20,000 of them take minutes), mixes repeated headers with the names
 * of an object's own properties (`constructor`), reads header names and values without bounds, knows gzip alone, inflates
 * without end, takes an unknown compression for none, and stops for ever at a batch that compaction has emptied. So record
 * sets stay bytes where it would decode them, and are read by us once the whole answer is there.
 */
interface ByteDecoder {
  readInt32(): number
  canReadBytes(length: number): boolean
  readBytes(length: number): Buffer
}
replace('protocol/requests/fetch/v4/decodeMessages.js', () => async (decoder: ByteDecoder): Promise<Buffer> => {
  const length = decoder.readInt32()
  return length <= 0 || !decoder.canReadBytes(length) ? Buffer.alloc(0) : decoder.readBytes(length)
})

interface FetchRequest {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[]
  }[]
}
interface FetchResponse {
  readonly responses: readonly {
    readonly topicName: string
    readonly partitions: readonly { readonly partition: number; messages: Buffer | readonly FetchedRecord[] }[]
  }[]
}
interface FetchProtocol {
  readonly response: { readonly decode: (bytes: Buffer) => Promise<FetchResponse> }
}
type Fetch = { readonly protocol: (_: { version: number }) => (request: FetchRequest) => FetchProtocol }
/** Before version 4 there are neither transactions nor record batches. */
const firstFetchVersion = 4
replace('protocol/requests/fetch/index.js', (original) => {
  const fetch = original as Fetch
  const protocol: Fetch['protocol'] = ({ version }) => {
    const make = fetch.protocol({ version })
    if (version < firstFetchVersion) return make
    return (request) => {
      const made = make(request)
      const decode = async (bytes: Buffer): Promise<FetchResponse> => {
        const answer = await made.response.decode(bytes)
        await readRecords(request, answer)
        return answer
      }
      return { ...made, response: { ...made.response, decode } }
    }
  }
  return { ...fetch, protocol }
})

/** What is inflated for one answer is bounded; each partition is the first in its turn, lest one starve the others. */
let turn = 0

async function readRecords({ topics }: FetchRequest, { responses }: FetchResponse): Promise<void> {
  const asked = new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, fetchOffset }) => [`${topic}/${partition}`, BigInt(fetchOffset)]),
    ),
  )
  const found = responses.flatMap(({ topicName, partitions }) =>
    partitions.map((answer) => ({ answer, from: asked.get(`${topicName}/${answer.partition}`) ?? 0n })),
  )
  turn += 1
  const first = turn % Math.max(found.length, 1)
  let left = defaultRecordLimits.bytes
  for (const { answer, from } of [...found.slice(first), ...found.slice(0, first)]) {
    const set = answer.messages as Buffer
    answer.messages = []
    if (left <= 0 || set.length <= magicAt) continue
    if (set[magicAt]! < 2) answer.messages = await decodeMessageSet(set)
    else {
      const { records, inflated } = await readRecordSet(set, from, { ...defaultRecordLimits, bytes: left })
      answer.messages = records
      left -= inflated
    }
  }
}

/** In record batches and in the messages before them alike. */
const magicAt = 16

/** What clients wrote before Kafka 0.11 has no headers; kafkajs reads it as it should. */
async function decodeMessageSet(set: Buffer): Promise<readonly FetchedRecord[]> {
  const Decoder = require('kafkajs/src/protocol/decoder.js')
  const read = require('kafkajs/src/protocol/messageSet/decoder.js')
  const messages: readonly FetchedRecord[] = await read(new Decoder(set), set.length)
  const batchContext = { producerId: '-1', inTransaction: false }
  return messages.map((message) => ({ ...message, headers: [], isControlRecord: false, batchContext }))
}

export const kafkajs: typeof Kafkajs = require('kafkajs')
mendRequestQueue((require('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueue }).prototype)

/** Writes and reads the primitive types of Kafka's protocol. */
export const Encoder: new () => WireEncoder = require('kafkajs/src/protocol/encoder.js')
export const Decoder: new (bytes: Buffer) => WireDecoder = require('kafkajs/src/protocol/decoder.js')

/** Makes a producer on connections that are there already; kafkajs itself gives each its own. */
export const createProducer: (options: object) => Kafkajs.Producer = require('kafkajs/src/producer/index.js')

/** It decompresses message sets with these, and compresses with that of zstd. */
const compress = promisify(zstdCompress)
const codecs: Record<number, () => object> = kafkajs.CompressionCodecs
for (const [type, name] of codecNames.entries()) {
  if (name === 'none') continue
  codecs[type] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) =>
      buffer.length <= smallBatch ? zstdCompressSync(buffer) : compress(buffer),
    decompress: async (bytes: Buffer) => decompress(name, bytes, defaultRecordLimits.batchBytes),
  })
}
