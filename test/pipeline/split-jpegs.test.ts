import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { JpegSplitter } from '../../pipeline/sources/split-jpegs.ts'
import { product } from '../harness/pictures.ts'

interface Split {
  readonly pictures: readonly Buffer[]
  readonly tail: Uint8Array | null
  readonly splitter: JpegSplitter
  readonly mostBuffered: number
}

function split(bytes: Uint8Array, sizeOf: () => number = () => 4096, maxBytes?: number): Split {
  const splitter = new JpegSplitter(maxBytes)
  const pictures: Buffer[] = []
  let mostBuffered = 0
  for (let at = 0; at < bytes.length; ) {
    const size = sizeOf()
    for (const one of splitter.push(bytes.subarray(at, at + size))) pictures.push(Buffer.from(one))
    mostBuffered = Math.max(mostBuffered, splitter.bufferedBytes)
    at += size
  }
  const { pictures: last, tail } = splitter.end()
  pictures.push(...last.map((one) => Buffer.from(one)))
  return { pictures, tail, splitter, mostBuffered }
}

const baseline = await product(1)
const progressive = await sharp(await product(2))
  .jpeg({ progressive: true })
  .toBuffer()
const noisy = await sharp({
  create: {
    width: 200,
    height: 150,
    channels: 3,
    background: '#000',
    noise: { type: 'gaussian', mean: 128, sigma: 60 },
  },
})
  .jpeg({ quality: 100 })
  .toBuffer()

/** A picture with another whole JPEG in an APP1 segment, as cameras write their thumbnails. */
function withThumbnail(jpeg: Buffer, thumbnail: Buffer): Buffer {
  const segment = Buffer.alloc(4)
  segment.writeUInt16BE(0xffe1, 0)
  segment.writeUInt16BE(thumbnail.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, 2), segment, thumbnail, jpeg.subarray(2)])
}

/** Repeatable numbers from 0 to 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const part = (jpeg: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`),
    jpeg,
    Buffer.from('\r\n'),
  ])

test.each([1, 7, 1000, 1_000_000])('pictures are cut where they end, read %i bytes at a time', (size) => {
  const pictures = [baseline, progressive, noisy, withThumbnail(baseline, progressive), baseline]
  const { pictures: found, splitter } = split(Buffer.concat(pictures), () => size)
  expect(found).toEqual(pictures)
  expect(splitter.skippedBytes).toBe(0)
})

test('fill bytes before a marker belong to the picture', () => {
  const filled = Buffer.concat([baseline.subarray(0, 2), Buffer.from([0xff, 0xff]), baseline.subarray(2)])
  expect(split(Buffer.concat([filled, baseline])).pictures).toEqual([filled, baseline])
})

test('an empty stream has no pictures', () => {
  expect(split(Buffer.alloc(0))).toMatchObject({ pictures: [], tail: null })
})

describe('between pictures', () => {
  const pictures = [baseline, progressive, noisy]
  test.each([1, 5, 100_000])('part boundaries and headers are passed over, read %i bytes at a time', (size) => {
    const stream = Buffer.concat([...pictures.map(part), Buffer.from('--frame--\r\n')])
    const { pictures: found, splitter } = split(stream, () => size)
    expect(found).toEqual(pictures)
    expect(splitter.skippedBytes).toBe(stream.length - Buffer.concat(pictures).length)
    expect(splitter.damaged).toBe(0)
  })

  test('padding and trailing bytes are passed over', () => {
    const padded = pictures.map((one) => Buffer.concat([one, Buffer.alloc(512 - (one.length % 512))]))
    expect(split(Buffer.concat(padded)).pictures).toEqual(pictures)
    expect(split(Buffer.concat([baseline, Buffer.alloc(64)])).pictures).toEqual([baseline])
  })
})

describe('a damaged picture costs only itself', () => {
  const large = withThumbnail(noisy, progressive)
  // Within the first marker's segment, the tables, the coded data.
  for (const share of [0.0005, 0.01, 0.02, 0.3, 0.5, 0.9, 0.9999]) {
    test(`cut off after ${share} of its bytes`, () => {
      const cut = noisy.subarray(0, Math.max(3, Math.floor(noisy.length * share)))
      expect(split(Buffer.concat([baseline, cut, baseline, progressive])).pictures).toEqual([
        baseline,
        baseline,
        progressive,
      ])
    })
  }

  test('and its thumbnail is not taken for it', () => {
    const cut = large.subarray(0, large.length - 1000)
    const { pictures, splitter } = split(Buffer.concat([baseline, cut, baseline]))
    expect(pictures).toEqual([baseline, baseline])
    expect(splitter.damaged).toBe(1)
  })

  test('with a segment whose length is wrong', () => {
    const wrong = Buffer.from(noisy)
    wrong.writeUInt16BE(60_000, 4)
    expect(split(Buffer.concat([wrong, baseline, baseline])).pictures).toEqual([baseline, baseline])
  })
})

test('a last picture without its end is a tail, for its decoder to judge', () => {
  const cut = noisy.subarray(0, -2)
  const { pictures, tail } = split(cut)
  expect(pictures).toEqual([])
  expect(Buffer.from(tail!)).toEqual(cut)
})

describe('streams without end', () => {
  const size = 8 * 1024 * 1024
  const repeat = (bytes: readonly number[]): Buffer => Buffer.alloc(size, Buffer.from(bytes))
  const random = randomNumbers(1)
  const noise = Buffer.alloc(1024 * 1024, 0).map(() => random() * 256)
  test.each([
    ['zeros', Buffer.alloc(size)],
    ['0xff', repeat([0xff])],
    ['noise', Buffer.alloc(size, noise)],
    ['beginnings', repeat([0xff, 0xd8])],
    ['beginnings of a segment', repeat([0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff])],
    ['beginnings within segments', repeat([0xff, 0xe0, 0x00, 0x08, 0xff, 0xd8, 0xff, 0xe1, 0x00, 0x02])],
    ['pictures without pixels', repeat([0xff, 0xd8, 0xff, 0xd9])],
    ['small segments', repeat([0xff, 0xd8, 0xff, 0xe0, 0x00, 0x04, 0xff, 0xd8])],
    ['a scan', Buffer.concat([noisy.subarray(0, noisy.length / 2), Buffer.alloc(size, 0x55)])],
    ['a scan of stray bytes', Buffer.concat([noisy.subarray(0, noisy.length / 2), repeat([0xff, 0x01])])],
    ['scans within scans', Buffer.alloc(size, noisy.subarray(0, 700))],
  ])('of %s take bounded memory, and pictures behind them are found', (_name, stream) => {
    const started = performance.now()
    const { pictures, mostBuffered } = split(Buffer.concat([stream, baseline, baseline]), () => 65_536, 2 ** 20)
    expect(pictures.at(-1)).toEqual(baseline)
    expect(mostBuffered).toBeLessThanOrEqual(2 ** 20 + 65_536)
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

test('100,000 streams of pictures, cut pictures and garbage, in chunks of any size: each whole picture comes out', async () => {
  const random = randomNumbers(7)
  const below = (end: number): number => Math.floor(random() * end)
  const small = await Promise.all(
    [1, 2, 3, 4].map((n) =>
      sharp({ create: { width: 8 * n, height: 8, channels: 3, background: `rgb(${60 * n},9,99)` } })
        .jpeg({ progressive: n % 2 === 0, quality: 60 + n })
        .toBuffer(),
    ),
  )
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)))
  const garbage = [
    () => bytes(below(60)),
    () => Buffer.alloc(below(200)),
    () => Buffer.from('\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n'),
    () => Buffer.concat([Buffer.from([0xff, 0xd8]), bytes(below(60))]),
    () => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xc0 + below(64)]), bytes(below(60))]),
    () => Buffer.alloc(below(20), 0xff),
    () => small[below(4)]!.subarray(0, 2 + below(600)).subarray(0, -1),
  ]
  let wrong = 0
  for (let round = 0; round < 100_000; round += 1) {
    const whole: Buffer[] = []
    const stream: Buffer[] = []
    for (let pieces = below(4); pieces >= 0; pieces -= 1) {
      if (random() < 0.5) stream.push(garbage[below(garbage.length)]!())
      const picture = small[below(4)]!
      stream.push(picture)
      whole.push(picture)
    }
    if (random() < 0.5) stream.push(garbage[below(garbage.length)]!())
    const most = random() < 0.1 ? 3 : 2000
    const { pictures, splitter } = split(Buffer.concat(stream), () => 1 + below(most))
    const found = pictures.filter((one) => whole.some((picture) => picture.equals(one)))
    if (Buffer.concat(found).compare(Buffer.concat(whole)) !== 0) wrong += 1
    const total = Buffer.concat(stream).length
    expect(splitter.skippedBytes + Buffer.concat(pictures).length).toBe(total)
  }
  // By chance garbage is a segment that ends where one of the picture behind it begins: they are a picture together.
  expect(wrong).toBeLessThan(4)
}, 120_000)
