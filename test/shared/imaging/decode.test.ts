/** Whatever the bytes are: pixels, or a clear refusal that costs nothing else. */
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { decodeCrop, encodeCrop } from '../../../shared/imaging/crop-codec.ts'
import { decodeImage, defaultImageLimits, type ImageLimits } from '../../../shared/imaging/decode.ts'
import { noise } from '../../harness/noise.ts'
import { pngOf } from '../../harness/png.ts'

const decode = (bytes: Uint8Array, limits: Partial<ImageLimits> = {}) =>
  decodeImage(bytes, { ...defaultImageLimits, ...limits })

/** Left half red, right half blue. */
const halves = (width = 40, height = 20) =>
  sharp({ create: { width, height, channels: 3, background: '#ff0000' } }).composite([
    {
      input: { create: { width: Math.ceil(width / 2), height, channels: 3, background: '#0000ff' } },
      left: Math.floor(width / 2),
      top: 0,
    },
  ])

const pixel = ({ data, width }: { data: Uint8Array; width: number }, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
]

// By what dominates: printing inks have no pure blue.
const isRed = ([r = 0, g = 0, b = 0]: number[]): boolean => r > g + 60 && r > b + 60
const isBlue = ([r = 0, g = 0, b = 0]: number[]): boolean => b > g + 60 && b > r + 60

describe('pictures of every kind become 8-bit RGB', () => {
  test.each([
    ['JPEG', () => halves().jpeg({ quality: 95, chromaSubsampling: '4:4:4' })],
    ['PNG', () => halves().png()],
    ['palette PNG', () => halves().png({ palette: true })],
    ['WebP', () => halves().webp({ quality: 95 })],
    ['AVIF', () => halves().avif({ quality: 90 })],
    ['GIF', () => halves().gif()],
    ['TIFF', () => halves().tiff()],
    ['CMYK JPEG', () => halves().toColourspace('cmyk').jpeg({ quality: 95, chromaSubsampling: '4:4:4' })],
    ['16-bit PNG', () => halves().toColourspace('rgb16').png()],
    ['PNG with alpha', () => halves().ensureAlpha().png()],
  ])('%s', async (_name, make) => {
    const pixels = await decode(await make().toBuffer())
    expect([pixels.width, pixels.height, pixels.data.length]).toEqual([40, 20, 2400])
    expect(isRed(pixel(pixels, 5, 10))).toBe(true)
    expect(isBlue(pixel(pixels, 35, 10))).toBe(true)
  })

  test('greyscale', async () => {
    const pixels = await decode(await halves().greyscale().png().toBuffer())
    const [r, g, b] = pixel(pixels, 5, 10)
    expect(r === g && g === b).toBe(true)
    expect(pixels.data.length).toBe(2400)
  })

  test('transparent parts become white', async () => {
    const clear = sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } } })
    expect(pixel(await decode(await clear.png().toBuffer()), 1, 1)).toEqual([255, 255, 255])
  })

  test('of an animation the first picture is taken', async () => {
    const frames = Buffer.concat([
      await halves(8, 8).raw().toBuffer(),
      await sharp({ create: { width: 8, height: 8, channels: 3, background: '#00ff00' } })
        .raw()
        .toBuffer(),
    ])
    const raw = { width: 8, height: 16, channels: 3, pageHeight: 8 } as const
    for (const bytes of [
      await sharp(frames, { raw })
        .gif({ loop: 0, delay: [100, 100] })
        .toBuffer(),
      await sharp(frames, { raw })
        .webp({ lossless: true, loop: 0, delay: [100, 100] })
        .toBuffer(),
    ]) {
      const pixels = await decode(bytes)
      expect([pixels.width, pixels.height]).toEqual([8, 8])
      expect(isRed(pixel(pixels, 1, 1))).toBe(true)
    }
  })

  test.each([
    [1, 1],
    [8000, 10],
    [3, 900],
  ])('%i x %i', async (width, height) => {
    const bytes = await sharp({ create: { width, height, channels: 3, background: '#123456' } })
      .jpeg()
      .toBuffer()
    expect(await decode(bytes)).toMatchObject({ width, height })
  })

  test.each([
    [3, 'turned by 180°', [20, 10], 'blue first'],
    [6, 'turned by 90°', [10, 20], 'red first'],
    [8, 'turned by 270°', [10, 20], 'blue first'],
  ])('EXIF orientation %i is honoured', async (orientation, _name, size, first) => {
    const bytes = await halves(20, 10).jpeg({ quality: 95 }).withMetadata({ orientation }).toBuffer()
    const pixels = await decode(bytes)
    expect([pixels.width, pixels.height]).toEqual(size)
    const corner = pixel(pixels, 1, 1)
    expect(first === 'red first' ? isRed(corner) : isBlue(corner)).toBe(true)
  })

  test('the pixels lie in a buffer of their own, which can be moved to a worker', async () => {
    const { data } = await decode(await halves().jpeg().toBuffer())
    expect(data.byteLength).toBe(data.buffer.byteLength)
    structuredClone(data, { transfer: [data.buffer] })
    expect(data.byteLength).toBe(0)
  })
})

describe('what is no picture is refused, with its reason', () => {
  const jpeg = halves(200, 200).jpeg()

  test.each([
    ['no bytes', async () => new Uint8Array(), 'IMAGE_EMPTY'],
    ['text', async () => new TextEncoder().encode('this is not a picture, whatever its name says'), 'IMAGE_UNREADABLE'],
    ['noise', async () => noise(5000, 1), 'IMAGE_UNREADABLE'],
    ['a truncated JPEG', async () => (await jpeg.toBuffer()).subarray(0, 700), 'IMAGE_UNREADABLE'],
    [
      'a truncated PNG',
      async () => (await halves(200, 200).png({ compressionLevel: 0 }).toBuffer()).subarray(0, 5000),
      'IMAGE_UNREADABLE',
    ],
    [
      'SVG',
      async () => new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      'IMAGE_UNREADABLE',
    ],
    ['a 30,000 x 30,000 PNG bomb', async () => pngOf(30_000, 30_000), 'IMAGE_TOO_LARGE'],
  ])('%s', async (_name, make, code) => {
    await expect(decode(await make())).rejects.toMatchObject({ code, retryable: false })
  })

  test('too many bytes, by the limit', async () => {
    await expect(decode(await jpeg.toBuffer(), { maxBytes: 100 })).rejects.toThrow(/at most 100 are allowed/)
  })

  test('too many pixels, by the limit', async () => {
    const tooMany = decode(await jpeg.toBuffer(), { maxPixels: 39_999 })
    await expect(tooMany).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' })
  })
})

test('random bytes and mutilated pictures end in pixels or an IMAGE_* error, and nothing else', async () => {
  const originals = await Promise.all([
    halves(64, 48).jpeg().toBuffer(),
    halves(64, 48).png().toBuffer(),
    halves(64, 48).webp().toBuffer(),
    halves(64, 48).gif().toBuffer(),
  ])
  const ends = new Set<string>()
  for (let round = 0; round < 400; round += 1) {
    const dice = noise(8, round + 1)
    const bytes = Uint8Array.from(originals[round % originals.length]!)
    for (let cut = 0; cut < (dice[0]! % 6) + 1; cut += 1) {
      const at = (dice[cut + 1]! * 257 + dice[cut + 2]! * 31) % bytes.length
      bytes[at] = dice[cut]!
    }
    const mutilated = dice[7]! < 60 ? bytes.subarray(0, (dice[6]! * bytes.length) >> 8) : bytes
    try {
      const { data, width, height } = await decode(mutilated, { maxPixels: 1_000_000 })
      expect(data.length).toBe(width * height * 3)
      ends.add('pixels')
    } catch (error) {
      if (!(error instanceof SightlineError)) throw error
      ends.add(error.code)
    }
  }
  expect([...ends].filter((end) => end !== 'pixels' && !end.startsWith('IMAGE_'))).toEqual([])
  expect(ends.size).toBeGreaterThan(1)
})

test('decoding gives its memory back', async () => {
  const bytes = await halves(1280, 960).jpeg().toBuffer()
  const rounds = async (count: number): Promise<number> => {
    for (let round = 0; round < count; round += 1) await decode(bytes)
    return process.memoryUsage.rss() / 2 ** 20
  }
  const before = await rounds(30)
  // 150 pictures of 3.5 MiB each: 525 MiB, were they kept.
  expect((await rounds(150)) - before).toBeLessThan(200)
})

describe('crops', () => {
  test.each([
    { format: 'jpeg', quality: 95 },
    { format: 'webp', quality: 95 },
    { format: 'png' },
    { format: 'raw' },
  ] as const)('travel as $format and come back nearly as they were', async (codec) => {
    const crop = await decode(await halves(224, 224).png().toBuffer())
    const back = await decodeCrop(await encodeCrop(crop, codec))
    expect([back.width, back.height]).toEqual([224, 224])
    expect(isRed(pixel(back, 20, 100)) && isBlue(pixel(back, 200, 100))).toBe(true)
  })

  test.each([
    [100, 100],
    [5, 0],
    [0, 0],
    [1.5, 2],
  ])('that are bare pixels, but not as many as they say, are refused: %f x %f', async (width, height) => {
    const crop = { crop: new Uint8Array(10), size: { width, height } }
    await expect(decodeCrop(crop)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' })
  })

  test('that say they are huge are refused for it', async () => {
    const huge = { crop: new Uint8Array(10), size: { width: 99_999, height: 99_999 } }
    await expect(decodeCrop(huge)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' })
  })

  test('that are bare pixels are copied before they are moved: the message may come again', async () => {
    const message = new Uint8Array(64).fill(3)
    const pixels = await decodeCrop({ crop: message.subarray(4, 16), size: { width: 2, height: 2 } })
    pixels.data.buffer.transfer()
    expect(new Set(message)).toEqual(new Set([3]))
  })
})
