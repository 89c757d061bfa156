/** Reads the record batches of a fetch: in bounded memory, whatever other clients wrote, and without losing an offset. */
import { describeError } from '../../errors/errors.ts'
import { codecNames, decompress } from './kafka-codecs.ts'

export type RecordHeader = readonly [name: Buffer, value: Buffer | null]

/** A record, as kafkajs's consumer wants it. */
export interface FetchedRecord {
  readonly offset: string
  /** ms since the epoch; -1 where the producer gave none. */
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
  /** Ends a transaction, or stands for the end of a batch that has lost its last records; handed to nobody. */
  readonly isControlRecord: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
  /** Why this is not all that lies in the log. */
  readonly unreadable?: string
}

export interface RecordLimits {
  /** What one batch may inflate to; of a larger one no record is read. */
  readonly batchBytes: number
  /** Records read at a time. The rest of a batch comes with the next fetch. */
  readonly records: number
  /** Once so much is inflated, the other batches wait for the next fetch. */
  readonly bytes: number
}

/** 8 messages of the largest size that topics are made with. A batch of 8 MiB can stand for 250 GB. */
export const defaultRecordLimits: RecordLimits = {
  batchBytes: 64 * 1024 * 1024,
  records: 5_000,
  bytes: 32 * 1024 * 1024,
}

/** More headers than this are not read, but for some: each takes more memory than it has bytes. */
export const maxHeaders = 1_000
/** Kept of more, from each end: publishers name their frames at one of them, and what a dead letter says is the last. */
const headersKept = 50

/** Bytes of a batch before its length ends, and before its records begin. */
const [lengthEnd, recordsStart] = [12, 61]

export interface RecordSet {
  readonly records: readonly FetchedRecord[]
  /** Bytes that were inflated for it. */
  readonly inflated: number
}

/**
 * The records of a record set (magic byte 2) from an offset on. What can't be read is there too, with the reason: each
 * offset of the log that held a message is answered with one. A set can end in the midst of a batch, which comes again.
 */
export async function readRecordSet(set: Buffer, from: bigint, limits: RecordLimits): Promise<RecordSet> {
  const records: FetchedRecord[] = []
  let inflated = 0
  for (let at = 0; at + recordsStart <= set.length; ) {
    const end = at + lengthEnd + set.readInt32BE(at + 8)
    if (end > set.length || end < at + recordsStart) break
    const batch = readHeader(set.subarray(at, end))
    at = end
    if (batch.lastOffset < from) continue
    const left = limits.records - records.length
    if (records.length > 0 && (left <= 0 || inflated >= limits.bytes)) break
    const content = await inflate(batch, limits.batchBytes)
    const first = records.length
    const isWhole = readBatch(batch, content, from, left, records)
    if (content.bytes !== batch.body) inflated += content.bytes.length
    if (!isWhole) {
      records.push(...records.splice(first).map(copied))
      break
    }
    // kafkajs 2.2.4 goes on behind the last record that it sees, or not at all where compaction has left none.
    if (BigInt(records.at(-1)?.offset ?? -1) < batch.lastOffset) records.push(endOf(batch))
  }
  return { records, inflated }
}

interface Batch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly attributes: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly count: number
  readonly body: Buffer
  readonly context: FetchedRecord['batchContext']
}

function readHeader(batch: Buffer): Batch {
  const baseOffset = batch.readBigInt64BE(0)
  const attributes = batch.readInt16BE(21)
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(batch.readInt32BE(23)),
    attributes,
    firstTimestamp: batch.readBigInt64BE(27),
    maxTimestamp: batch.readBigInt64BE(35),
    count: batch.readInt32BE(57),
    body: batch.subarray(recordsStart),
    context: { producerId: String(batch.readBigInt64BE(43)), inTransaction: (attributes & 0x10) !== 0 },
  }
}

interface Content {
  readonly bytes: Buffer
  /** Why there are none. */
  readonly problem?: string
}

async function inflate({ attributes, body, count }: Batch, limit: number): Promise<Content> {
  const codec = codecNames[attributes & 7]
  if (codec === undefined) return { bytes: body, problem: `its record batch is compressed in an unknown way` }
  if (count === 0) return { bytes: body }
  try {
    return { bytes: await decompress(codec, body, limit) }
  } catch (error) {
    const size = `${body.length} bytes, ${codec}, of ${count} messages`
    return { bytes: body, problem: `its record batch (${size}) can't be decompressed: ${describeError(error)}` }
  }
}

/** Adds up to `most` records from `from` on; whether these were all that the batch has. */
function readBatch(batch: Batch, content: Content, from: bigint, most: number, records: FetchedRecord[]): boolean {
  const { baseOffset, lastOffset, count, context } = batch
  const isControlRecord = (batch.attributes & 0x20) !== 0
  const add = (read: ReadRecord): boolean => {
    if (records.length === end) return false
    records.push({ ...read, isControlRecord, batchContext: context })
    return true
  }
  const end = records.length + most
  let next = baseOffset
  let { problem } = content
  const reader = new ByteReader(content.bytes)
  for (let index = 0; problem === undefined && index < count; index += 1) {
    try {
      const offset = readRecord(reader, batch, next, from, add)
      if (offset === null) return false
      next = offset + 1n
    } catch (error) {
      problem = describeError(error)
    }
  }
  if (problem === undefined) return true
  // The place of each message in the log is known nevertheless.
  for (let offset = next > from ? next : from; offset <= lastOffset; offset += 1n) {
    const unreadable = `the message can't be read: ${problem}`
    if (!add({ ...nothing, offset: String(offset), timestamp: String(batch.maxTimestamp), unreadable })) return false
  }
  return true
}

type ReadRecord = Omit<FetchedRecord, 'isControlRecord' | 'batchContext'>

const nothing = { key: null, value: null, headers: [] } as const

/** The offset of the next record, handed to `add` where it is `from` or behind; null where `add` takes no more. */
function readRecord(
  reader: ByteReader,
  batch: Batch,
  expected: bigint,
  from: bigint,
  add: (record: ReadRecord) => boolean,
): bigint | null {
  const record = new ByteReader(reader.take(reader.varint()))
  record.take(1) // Attributes; none are in use.
  const delta = record.varint()
  const offset = batch.baseOffset + BigInt(record.varint())
  if (offset < expected || offset > batch.lastOffset) throw new Error(`a record at ${offset}, where it can't be`)
  if (offset < from) return offset
  const timestamp = isLogAppendTime(batch) ? batch.maxTimestamp : batch.firstTimestamp + BigInt(delta)
  const [key, value] = [record.field(), record.field()]
  const added = add({ offset: String(offset), timestamp: String(timestamp), key, value, ...readHeaders(record) })
  return added ? offset : null
}

const isLogAppendTime = ({ attributes }: Batch): boolean => (attributes & 0x08) !== 0

function readHeaders(record: ByteReader): Pick<FetchedRecord, 'headers' | 'unreadable'> {
  const count = record.varint()
  const isTooMany = count > maxHeaders
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index += 1) {
    const header: RecordHeader = [record.field() ?? Buffer.alloc(0), record.field()]
    if (!isTooMany || index < headersKept || index >= count - headersKept) headers.push(header)
  }
  if (!isTooMany) return { headers }
  return { headers, unreadable: `the message has ${count} headers; at most ${maxHeaders} are read` }
}

const endOf = ({ lastOffset, maxTimestamp, context }: Batch): FetchedRecord => {
  const [offset, timestamp] = [String(lastOffset), String(maxTimestamp)]
  return { ...nothing, offset, timestamp, isControlRecord: true, batchContext: context }
}

/** What a large buffer holds would be kept in memory by any small part of it. */
const copied = (record: FetchedRecord): FetchedRecord => ({
  ...record,
  key: record.key && Buffer.from(record.key),
  value: record.value && Buffer.from(record.value),
  headers: record.headers.map(([name, value]) => [Buffer.from(name), value && Buffer.from(value)]),
})

/** Reads what Kafka's records are made of; throws at their end. */
class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (length < 0 || end > this.#bytes.length) throw new Error('a record ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** Bytes behind their length; a negative one means null. */
  field(): Buffer | null {
    const length = this.varint()
    return length < 0 ? null : this.take(length)
  }

  /** Zigzag, of at most 64 bits. */
  varint(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw new Error('a record ends too early')
      this.#at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new Error('a number of more than 64 bits')
  }
}
