/** Record batches as bytes (magic 2), as any client may have written them, right or wrong. */

export interface BatchRecord {
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  readonly headers?: readonly (readonly [name: Buffer | null, value: Buffer | null])[]
  /** From the batch's first. @default its place in the batch */
  readonly offsetDelta?: number
}

export interface BatchOptions {
  readonly baseOffset?: bigint
  /** Lowest bits of the attributes. */
  readonly codec?: number
  /** Other bits of them: 0x10 transactional, 0x20 control, 0x08 the broker's time. */
  readonly flags?: number
  readonly lastOffsetDelta?: number
  readonly count?: number
  readonly firstTimestamp?: bigint
  readonly maxTimestamp?: bigint
  readonly producerId?: bigint
  /** Of the records' bytes. */
  readonly compress?: (records: Buffer) => Buffer
}

export function recordBatch(records: readonly BatchRecord[], options: BatchOptions = {}): Buffer {
  const { baseOffset = 0n, codec = 0, flags = 0, firstTimestamp = 1_700_000_000_000n, producerId = -1n } = options
  const bytes = Buffer.concat(records.map(recordBytes))
  const body = options.compress?.(bytes) ?? bytes
  const header = Buffer.alloc(61)
  header.writeBigInt64BE(baseOffset, 0)
  header.writeInt32BE(header.length - 12 + body.length, 8)
  header.writeInt8(2, 16)
  header.writeInt16BE(codec | flags, 21)
  header.writeInt32BE(options.lastOffsetDelta ?? Math.max(records.length - 1, 0), 23)
  header.writeBigInt64BE(firstTimestamp, 27)
  header.writeBigInt64BE(options.maxTimestamp ?? firstTimestamp, 35)
  header.writeBigInt64BE(producerId, 43)
  header.writeInt32BE(options.count ?? records.length, 57)
  return Buffer.concat([header, body])
}

function recordBytes({ key = null, value = null, headers = [], offsetDelta }: BatchRecord, index: number): Buffer {
  const body = Buffer.concat([
    Buffer.of(0),
    varint(index),
    varint(offsetDelta ?? index),
    field(key),
    field(value),
    varint(headers.length),
    ...headers.flatMap(([name, text]) => [field(name), field(text)]),
  ])
  return Buffer.concat([varint(body.length), body])
}

const field = (bytes: Buffer | null): Buffer =>
  bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes])

export function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value < 0 ? -2 * value - 1 : 2 * value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}
