/** Decompresses what any Kafka client sends (gzip, snappy, lz4, zstd), never to more than a limit: a few kB can stand for gigabytes. */
import { promisify } from 'node:util'
import { unzip, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import lz4 from 'lz4-napi'
import snappy from 'snappy'

/** As the lowest three bits of a record batch's attributes name them. */
export const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type CodecName = (typeof codecNames)[number]

type Decompress = (bytes: Buffer, limit: number) => Promise<Buffer>

const [unzipBounded, zstdBounded] = [promisify(unzip), promisify(zstdDecompress)]
/** Pieces in which zlib makes its output. */
const chunkSize = 256 * 1024

const decompressors: Readonly<Record<CodecName, Decompress>> = {
  none: async (bytes) => bytes,
  gzip: async (bytes, limit) => unzipBounded(bytes, { maxOutputLength: limit, chunkSize }),
  snappy: decompressSnappy,
  lz4: decompressLz4,
  zstd: decompressZstd,
}

/** Going to another thread costs five times what a small batch does. */
export const smallBatch = 32 * 1024

async function decompressZstd(bytes: Buffer, limit: number): Promise<Buffer> {
  if (bytes.length <= smallBatch) {
    try {
      return zstdDecompressSync(bytes, { maxOutputLength: Math.min(chunkSize, limit), chunkSize })
    } catch (error) {
      if (!isBeyondLimit(error)) throw error
    }
  }
  return zstdBounded(bytes, { maxOutputLength: limit, chunkSize })
}

/** Throws where the bytes are damaged, or inflate to more than `limit`; in either case it has taken no more memory than that. */
export async function decompress(codec: CodecName, bytes: Buffer, limit: number): Promise<Buffer> {
  try {
    return await decompressors[codec](bytes, limit)
  } catch (error) {
    if (isBeyondLimit(error)) throw tooLarge(limit)
    throw error
  }
}

const isBeyondLimit = (error: unknown): boolean =>
  error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'

/** Old Java clients make blocks of a kB. Each costs a call, however small it is. */
const maxBlocks = 65_536
const tooMany = (): Error => new Error(`they are in more than ${maxBlocks} blocks`)
/** Another thread is not worth its while for less. */
const smallBlock = 64 * 1024

const tooLarge = (limit: number): Error => new Error(`they inflate to more than ${limit / 2 ** 20} MiB`)

/** Java clients frame blocks as snappy-java's streams do; librdkafka and others send one bare block. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
/** The magic bytes, a version and the oldest version that can read it. */
const xerialHeaderBytes = 16

async function decompressSnappy(bytes: Buffer, limit: number): Promise<Buffer> {
  const blocks = isXerial(bytes) ? xerialBlocks(bytes) : [bytes]
  // A block begins with its length when inflated, and snappy refuses one that is longer or shorter.
  const total = blocks.reduce((sum, block) => sum + snappyLength(block), 0)
  if (total > limit) throw tooLarge(limit)
  const parts: Buffer[] = []
  for (const block of blocks) {
    const part = block.length < smallBlock ? snappy.uncompressSync(block) : await snappy.uncompress(block)
    parts.push(part as Buffer)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
}

const isXerial = (bytes: Buffer): boolean => bytes.subarray(0, xerialMagic.length).equals(xerialMagic)

/** Streams written one behind the other repeat the header between blocks. */
function xerialBlocks(bytes: Buffer): readonly Buffer[] {
  const blocks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    if (isXerial(bytes.subarray(at))) {
      at += xerialHeaderBytes
      continue
    }
    const start = at + 4
    const end = start + bytes.readUInt32BE(at)
    if (end > bytes.length) throw new Error('a snappy block ends too early')
    blocks.push(bytes.subarray(start, end))
    if (blocks.length > maxBlocks) throw tooMany()
    at = end
  }
  return blocks
}

/** A varint of at most 32 bits. */
function snappyLength(block: Buffer): number {
  let length = 0
  for (let index = 0; index < 5; index += 1) {
    const byte = block.readUInt8(index)
    length += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return length
  }
  throw new Error('a snappy block does not begin with its length')
}

const lz4Magic = 0x184d2204
/** Largest blocks by their number in the frame's header; the first numbers are not used. */
const lz4BlockBytes = [0, 0, 0, 0, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024]
/** A block can't inflate to more: one more byte of it stands for at most 255. */
const lz4MaxRatio = 255

/**
 * LZ4's frame format. The checksums are passed over: Kafka's own covers the whole batch, and that of the header is wrong in
 * what clients before 0.10 wrote (KAFKA-3160). Blocks that need the ones before them are not allowed in Kafka.
 */
async function decompressLz4(bytes: Buffer, limit: number): Promise<Buffer> {
  if (bytes.readUInt32LE(0) !== lz4Magic) throw new Error('no lz4 frame')
  const flags = bytes.readUInt8(4)
  const blockBytes = lz4BlockBytes[(bytes.readUInt8(5) >> 4) & 7]!
  if (flags >> 6 !== 1 || blockBytes === 0) throw new Error('an lz4 frame of another version')
  const [hasBlockChecksums, hasContentSize, hasDictionary] = [flags & 0x10, flags & 0x08, flags & 0x01]
  const parts: Buffer[] = []
  let total = 0
  for (let at = 7 + (hasContentSize ? 8 : 0) + (hasDictionary ? 4 : 0); ; ) {
    const word = bytes.readUInt32LE(at)
    if (word === 0) return Buffer.concat(parts, total)
    const isStored = word >= 0x80000000
    const end = at + 4 + (word & 0x7fffffff)
    if (end > bytes.length) throw new Error('an lz4 block ends too early')
    const block = bytes.subarray(at + 4, end)
    const part = isStored ? block : await lz4Block(block, blockBytes)
    total += part.length
    if (total > limit) throw tooLarge(limit)
    parts.push(part)
    if (parts.length > maxBlocks) throw tooMany()
    at = end + (hasBlockChecksums ? 4 : 0)
  }
}

/** The library wants the length in front, and takes it for the most that there can be. */
async function lz4Block(block: Buffer, blockBytes: number): Promise<Buffer> {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(Math.min(blockBytes, block.length * lz4MaxRatio))
  const sized = Buffer.concat([length, block])
  return block.length < smallBlock ? lz4.uncompressSync(sized) : lz4.uncompress(sized)
}
