/** Record batches of any client: all offsets answered, in bounded memory and time. */
import { zstdCompressSync } from 'node:zlib'
import type { FetchedMessage } from '@sightline/shared/bus/kafka/kafka-client.ts'
import { toDelivery } from '@sightline/shared/bus/kafka/kafka-messages.ts'
import { defaultRecordLimits, type FetchedRecord, readRecordSet } from '@sightline/shared/bus/kafka/kafka-records.ts'
import { expect, test } from 'vitest'
import { noise } from '../../../harness/noise.ts'
import { type BatchRecord, recordBatch, varint } from '../../../harness/record-batch.ts'

const limits = { ...defaultRecordLimits, batchBytes: 2 ** 20 }
const read = async (set: Buffer, from = 0n, some: Partial<typeof limits> = {}): Promise<readonly FetchedRecord[]> =>
  (await readRecordSet(set, from, { ...limits, ...some })).records
/** As the consumer hands it on. */
const deliver = (record: FetchedRecord) => toDelivery('frames', 0, record as unknown as FetchedMessage)
const bytes = (text: string): Buffer => Buffer.from(text)
const texts = (count: number): readonly BatchRecord[] =>
  Array.from({ length: count }, (_, index) => ({ value: bytes(`m${index}`) }))
/** `3:m3` a message, `5:?` an unreadable one, `6!` what only moves the position. */
const summary = (records: readonly FetchedRecord[]): string =>
  records
    .map(
      ({ offset, value, unreadable, isControlRecord }) =>
        offset + (isControlRecord ? '!' : `:${unreadable === undefined ? value : '?'}`),
    )
    .join(' ')

test('messages as they were sent', async () => {
  const batch = recordBatch([{ key: bytes('cam'), value: bytes('jpeg'), headers: [[bytes('h'), bytes('v')]] }], {
    baseOffset: 7n,
  })
  expect((await read(batch)).map(deliver)).toEqual([
    {
      topic: 'frames',
      partition: 0,
      offset: 7n,
      timestamp: 1_700_000_000_000,
      key: 'cam',
      value: bytes('jpeg'),
      headers: { h: 'v' },
    },
  ])
})

test('times are the producer’s, or the broker’s where the topic says so', async () => {
  const times = { firstTimestamp: 1_000n, maxTimestamp: 5_000n }
  expect((await read(recordBatch(texts(2), times))).map(({ timestamp }) => timestamp)).toEqual(['1000', '1001'])
  expect((await read(recordBatch(texts(2), { ...times, flags: 0x08 }))).map(({ timestamp }) => timestamp)).toEqual([
    '5000',
    '5000',
  ])
})

test('headers of any name, and without a value', async () => {
  const headers: BatchRecord['headers'] = [
    [bytes('trace'), null],
    [bytes(''), bytes('nameless')],
    [null, bytes('none')],
    [Buffer.of(0xff), bytes('1')],
    [bytes('__proto__'), bytes('2')],
    [bytes('constructor'), bytes('3')],
    [bytes('ce_id'), bytes('first')],
    [bytes('ce_id'), bytes('last')],
    [bytes('ce_source'), Buffer.of(0xfe)],
  ]
  const [delivery] = (await read(recordBatch([{ headers }]))).map(deliver)
  expect(Object.entries(delivery!.headers)).toEqual([
    ['trace', ''],
    ['', 'none'],
    ['\ufffd', '1'],
    ['__proto__', '2'],
    ['constructor', '3'],
    ['ce_id', 'last'],
    ['ce_source', '\\xfe'],
  ])
  expect((await read(recordBatch([{}]))).map(deliver)[0]!.headers['toString']).toBeUndefined()
})

test.each([20_000, 2_000_000])('%i headers take no time, and make a message that says so', async (count) => {
  const headers = Array.from({ length: count }, () => [bytes('h'), null] as const)
  const batch = recordBatch([
    { key: bytes('cam'), value: bytes('jpeg'), headers: [...headers, [bytes('ce_id'), bytes('1')]] },
  ])
  const started = performance.now()
  const [delivery] = (await read(batch)).map(deliver)
  expect(performance.now() - started).toBeLessThan(2_000)
  expect(delivery).toMatchObject({ key: 'cam', value: bytes('jpeg'), headers: { h: '', ce_id: '1' } })
  expect(delivery!.unreadable).toBe(`the message has ${count + 1} headers; at most 1000 are read`)
})

test('a batch in parts: each fetch goes on where the one before ended', async () => {
  const compress = zstdCompressSync
  const set = Buffer.concat([
    recordBatch(texts(5), { codec: 4, compress }),
    recordBatch(texts(3), { baseOffset: 5n, codec: 4, compress }),
  ])
  const parts: string[] = []
  for (let from = 0n; from < 8n; ) {
    const part = await read(set, from, { records: 2 })
    parts.push(summary(part))
    from = BigInt(part.at(-1)!.offset) + 1n
  }
  expect(parts).toEqual(['0:m0 1:m1', '2:m2 3:m3', '4:m4 5:m0', '6:m1 7:m2'])
  // What is inflated for one fetch is bounded, too; one batch comes whatever it takes.
  expect(summary(await read(set, 0n, { bytes: 1 }))).toBe('0:m0 1:m1 2:m2 3:m3 4:m4')
})

test('a batch that is cut off waits for the next fetch', async () => {
  const set = Buffer.concat([recordBatch(texts(2)), recordBatch(texts(2), { baseOffset: 2n }).subarray(0, 70)])
  expect(summary(await read(set))).toBe('0:m0 1:m1')
  expect(summary(await read(set.subarray(0, 40)))).toBe('')
})

test('what compaction has left of a batch does not stop the reader', async () => {
  const tail = recordBatch([{ value: bytes('a'), offsetDelta: 1 }], { lastOffsetDelta: 4 })
  expect(summary(await read(tail))).toBe('1:a 4!')
  expect(summary(await read(tail, 2n))).toBe('4!')
  expect(summary(await read(recordBatch([], { lastOffsetDelta: 4 })))).toBe('4!')
  expect(summary(await read(recordBatch([], { lastOffsetDelta: 4, codec: 4 })))).toBe('4!')
})

test('markers of transactions are kept from readers, and keep their key', async () => {
  const marker = recordBatch([{ key: Buffer.of(0, 0, 0, 1), value: Buffer.alloc(6) }], { flags: 0x30, producerId: 9n })
  const [record] = await read(marker)
  expect(record).toMatchObject({
    isControlRecord: true,
    key: Buffer.of(0, 0, 0, 1),
    batchContext: { producerId: '9', inTransaction: true },
  })
})

test.each([
  [
    'inflates to more than the limit',
    { codec: 4, compress: () => zstdCompressSync(Buffer.alloc(2 ** 20 + 1)) },
    'they inflate to more than 1 MiB',
  ],
  ['is damaged', { codec: 2 }, "can't be decompressed"],
  ['is compressed as nobody knows', { codec: 6 }, 'compressed in an unknown way'],
  [
    'ends too early',
    { count: 3, lastOffsetDelta: 2, compress: (all: Buffer) => all.subarray(0, 3) },
    'a record ends too early',
  ],
])('a batch that %s: each of its messages says why', async (_what, options, reason) => {
  const set = Buffer.concat([recordBatch(texts(3), options), recordBatch(texts(1), { baseOffset: 3n })])
  const records = await read(set)
  expect(summary(records)).toBe('0:? 1:? 2:? 3:m0')
  for (const { unreadable } of records.slice(0, 3)) expect(unreadable).toContain(reason)
  expect(summary(await read(set, 2n))).toBe('2:? 3:m0')
})

test('what can be read of a damaged batch is read', async () => {
  const whole = recordBatch(texts(3), { count: 5, lastOffsetDelta: 4 })
  expect(summary(await read(whole))).toBe('0:m0 1:m1 2:m2 3:? 4:?')
})

test('a billion messages that can not be read come a few at a time', async () => {
  const bomb = recordBatch([], {
    codec: 4,
    count: 1e9,
    lastOffsetDelta: 1e9 - 1,
    compress: () => zstdCompressSync(Buffer.alloc(2 ** 20 + 1)),
  })
  const { records } = await readRecordSet(bomb, 500_000_000n, limits)
  expect(records.length).toBe(limits.records)
  expect(records.at(-1)!.offset).toBe(String(500_000_000 + limits.records - 1))
})

test('100,000 damaged sets: no error, no end, no offset that is not in them', { timeout: 60_000 }, async () => {
  const headers: BatchRecord['headers'] = [
    [bytes('ce_id'), bytes('a')],
    [bytes('h'), null],
  ]
  const message = { key: bytes('cam-1'), value: bytes('0123456789'), headers }
  const sets = [
    recordBatch([message, message, message], { baseOffset: 100n }),
    recordBatch([message, message, message], { baseOffset: 100n, codec: 4, compress: zstdCompressSync }),
  ]
  const choices = noise(400_000, 11)
  for (let number = 0; number < 100_000; number += 1) {
    const [first, second, third, fourth] = choices.subarray(4 * number)
    const set = Buffer.from(sets[first! % sets.length]!)
    // The head of a batch is the broker's: it writes or checks all of it. From the records on, everything is the client's.
    const place = 57 + ((second! * 256 + third!) % (set.length - 57))
    set[place] = fourth!
    for (const record of await read(set, 100n, { batchBytes: 4096, records: 50 })) {
      const { offset, headers: found } = deliver(record)
      if (offset < 100n || offset > 102n) expect(offset).toBe('an offset of the set')
      if (Object.keys(found).length > 1_000) expect(found).toBe('few')
    }
  }
})

test('a number of 64 bits is read, a longer one is refused', async () => {
  const record = (time: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.of(0), time, varint(0), varint(-1), varint(-1), varint(0)])
    return Buffer.concat([varint(body.length), body])
  }
  const one = (time: Buffer) => recordBatch([], { count: 1, compress: () => record(time), firstTimestamp: 0n })
  expect((await read(one(varint(2 ** 52))))[0]).toMatchObject({ timestamp: String(2 ** 52) })
  expect(summary(await read(one(Buffer.alloc(20, 0x80))))).toBe('0:?')
})
