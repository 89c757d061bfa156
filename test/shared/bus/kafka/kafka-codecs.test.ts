/** What other clients compress is read, and what would inflate without end is refused in bounded memory. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type CodecName, decompress } from '@sightline/shared/bus/kafka/kafka-codecs.ts'
import lz4 from 'lz4-napi'
import { compressSync as snappy } from 'snappy'
import { describe, expect, test } from 'vitest'
import { noise } from '../../../harness/noise.ts'

const limit = 8 * 2 ** 20
const samples: readonly (readonly [string, Buffer<ArrayBuffer>])[] = [
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('frames of a camera, '.repeat(5_000))],
  ['noise', Buffer.from(noise(300_000, 1))],
]

/** As snappy-java writes its streams. */
function xerial(bytes: Uint8Array, blockBytes = 32_768): Buffer {
  const header = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1])
  const parts: Buffer[] = [header]
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = snappy(bytes.subarray(at, at + blockBytes))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** Of clients before 0.10: the checksum of the header was computed over too much (KAFKA-3160). */
function legacyLz4(bytes: Buffer): Buffer {
  const frame = Buffer.from(lz4.compressFrameSync(bytes))
  frame[6] = (frame[6]! + 1) & 0xff
  return frame
}

/** LZ4's frame with the length of its content in the header, which is none of the library's options. */
function sizedLz4(bytes: Buffer): Buffer {
  const frame = lz4.compressFrameSync(bytes)
  const header = Buffer.from(frame.subarray(0, 6))
  header[4]! |= 0x08
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([header, size, frame.subarray(6)])
}

const forms: readonly (readonly [string, CodecName, (bytes: Buffer) => Buffer])[] = [
  ['gzip', 'gzip', gzipSync],
  ['zstd', 'zstd', zstdCompressSync],
  ['snappy, as librdkafka sends it', 'snappy', snappy],
  ['snappy, as Java sends it', 'snappy', xerial],
  [
    'snappy, two streams of Java',
    'snappy',
    (bytes) => Buffer.concat([xerial(bytes.subarray(0, 1000)), xerial(bytes.subarray(1000))]),
  ],
  ['lz4', 'lz4', (bytes) => lz4.compressFrameSync(bytes)],
  [
    'lz4 with checksums',
    'lz4',
    (bytes) => lz4.compressFrameSync(bytes, { contentChecksum: true, blockChecksums: true }),
  ],
  ['lz4 with its length', 'lz4', sizedLz4],
  ['lz4 of old clients', 'lz4', legacyLz4],
]

describe.each(forms)('%s', (_name, codec, compress) => {
  test.each(samples)('%s', async (_what, bytes) => {
    expect((await decompress(codec, compress(bytes), limit)).equals(bytes)).toBe(true)
  })

  test('to the limit, and no further', async () => {
    expect((await decompress(codec, compress(Buffer.alloc(limit)), limit)).length).toBe(limit)
    await expect(decompress(codec, compress(Buffer.alloc(limit + 1)), limit)).rejects.toThrow(
      'they inflate to more than 8 MiB',
    )
  })

  test('damaged in any place: an error or other bytes, and no more of them than the limit', async () => {
    const whole = compress(Buffer.from('frames of a camera, '.repeat(50)))
    const choices = noise(4_000, 7)
    for (let number = 0; number < 1_000; number += 1) {
      const [place, byte, cut] = [
        choices[4 * number]! * 256 + choices[4 * number + 1]!,
        choices[4 * number + 2]!,
        choices[4 * number + 3]!,
      ]
      const damaged = Buffer.from(cut < 64 ? whole.subarray(0, place % whole.length) : whole)
      if (damaged.length > 0) damaged[place % damaged.length] = byte
      const found = await decompress(codec, damaged, limit).catch((error: unknown) => error)
      if (found instanceof Buffer) expect(found.length).toBeLessThanOrEqual(limit)
      else expect(found).toBeInstanceOf(Error)
    }
  })
})

test.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
  ['lz4', lz4.compressFrameSync],
  ['snappy', snappy],
] as const)(
  '%s: half a gigabyte takes no more memory than the limit',
  async (codec, compress) => {
    const bomb = compress(Buffer.alloc(512 * 2 ** 20))
    const before = process.memoryUsage().rss
    let highest = before
    const watch = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage().rss)
    }, 2)
    await expect(decompress(codec, bomb, limit)).rejects.toThrow('inflate')
    clearInterval(watch)
    expect((highest - before) / 2 ** 20).toBeLessThan(100)
  },
  60_000,
)

test('a million blocks of a byte each are refused before they take their time', async () => {
  const one = snappy(Buffer.of(1))
  const block = Buffer.concat([Buffer.of(0, 0, 0, one.length), one])
  const header = xerial(Buffer.alloc(0))
  const many = Buffer.concat([header, Buffer.alloc(1_000_000 * block.length, block)])
  await expect(decompress('snappy', many, limit)).rejects.toThrow('blocks')
  const frame = lz4.compressFrameSync(Buffer.of(1))
  const stored = Buffer.alloc(1_000_000 * 5, Buffer.of(1, 0, 0, 0x80, 7))
  await expect(
    decompress('lz4', Buffer.concat([frame.subarray(0, 7), stored, Buffer.alloc(4)]), limit),
  ).rejects.toThrow('blocks')
})
