/** The formats that people have: read with the right pixels, or refused by name, and the right colours of every depth. */
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodeImage, defaultImageLimits } from '../../../shared/imaging/decode.ts'
import { pictureKindOf, readableExtensions, unreadExtensions } from '../../../shared/imaging/picture-kinds.ts'
import { bytesOf, golden, pixelsOf } from '../../harness/golden-pictures.ts'
import { pngChunk } from '../../harness/png.ts'

const decode = (bytes: Uint8Array) => decodeImage(bytes, defaultImageLimits)

const furthest = (a: Uint8Array, b: Uint8Array): number => {
  expect(a.length).toBe(b.length)
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0)
}

describe('formats', () => {
  test.each(Object.entries(golden.formats))(
    '%s has the right pixels',
    async (name, { file, width, height, pixels }) => {
      const read = await decode(bytesOf(file))
      expect([read.width, read.height]).toEqual([width, height])
      // Decoders round chroma differently, and only that.
      const most = /^(heic|avif)/.test(name) ? 4 : 0
      expect(furthest(read.data, pixelsOf(pixels))).toBeLessThanOrEqual(most)
    },
  )

  test.each(Object.entries(golden.formats))('%s that is cut is refused', async (_name, { file }) => {
    const bytes = bytesOf(file)
    await expect(decode(bytes.subarray(0, bytes.length >> 1))).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringMatching(/^the .* is cut or damaged/),
    })
  })

  test.each([
    ['\0\0\x01\0\x01\0\x10\x10', 'a Windows icon is not read'],
    ['8BPS\0\x01\0\0\0\0', 'a Photoshop picture is not read'],
    ['%PDF-1.7\n', 'a PDF is not read'],
    ['qoif\0\0\0\x10', 'a QOI picture is not read'],
    ['<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', 'an SVG drawing is not read'],
    ['\0\0\0\x18ftypisom\0\0\0\0mp42', 'a video of the MP4 family is not read'],
    ['<html>', 'no picture of a kind that is known: it begins with "<html>"'],
    ['BM I am a text that begins so', 'no picture of a kind that is known'],
  ])('%j is refused by name', async (text, message) => {
    await expect(decode(Buffer.from(text, 'latin1'))).rejects.toThrow(message)
  })

  test('no name is both read and not read, and all are as extname gives them', () => {
    const all = [...readableExtensions, ...unreadExtensions]
    expect(new Set(all).size).toBe(all.length)
    expect(all.filter((name) => !/^\.[a-z0-9]+$/.test(name))).toEqual([])
  })

  test('a few bytes of anything are no kind, and no crash', () => {
    for (const { file } of Object.values(golden.formats)) {
      for (let length = 0; length < 40; length += 1) pictureKindOf(bytesOf(file).subarray(0, length))
    }
  })
})

describe('colours', () => {
  const chart = pixelsOf(golden.profiles.chart)
  const [width, height] = [32, 24]

  /** A PNG of 8 or 16 bits a sample, grey or RGB, with or without alpha; 16-bit samples repeat their byte. */
  function png(samples: Uint8Array, channels: number, bits: 8 | 16, profile?: Buffer): Buffer {
    const header = Buffer.alloc(13)
    header.writeUInt32BE(width, 0)
    header.writeUInt32BE(height, 4)
    header.set([bits, [0, 4, 2, 6][channels - 1]!, 0, 0, 0], 8)
    const wide = bits === 8 ? Buffer.from(samples) : Buffer.from([...samples].flatMap((value) => [value, value]))
    const row = wide.length / height
    const rows = Array.from({ length: height }, (_, y) => [Buffer.alloc(1), wide.subarray(y * row, (y + 1) * row)])
    return Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      pngChunk('IHDR', header),
      ...(profile === undefined
        ? []
        : [pngChunk('iCCP', Buffer.concat([Buffer.from('test\0\0'), deflateSync(profile)]))]),
      pngChunk('IDAT', deflateSync(Buffer.concat(rows.flat()))),
      pngChunk('IEND', new Uint8Array()),
    ])
  }
  const withAlpha = (samples: Uint8Array, channels: number): Uint8Array =>
    Uint8Array.from({ length: (samples.length / channels) * (channels + 1) }, (_, at) =>
      at % (channels + 1) === channels
        ? 255
        : samples[Math.floor(at / (channels + 1)) * channels + (at % (channels + 1))]!,
    )
  const grey = chart.filter((_, at) => at % 3 === 0)
  const greyAsRgb = Buffer.from([...grey].flatMap((value) => [value, value, value]))

  const profiles = ['Adobe RGB', 'ProPhoto', 'linear grey'].flatMap((name) =>
    ([8, 16] as const).flatMap((bits) => [false, true].map((hasAlpha) => ({ name, bits, hasAlpha }))),
  )
  test.each(profiles)('$name in $bits bits, alpha $hasAlpha, is taken to sRGB', async ({ name, bits, hasAlpha }) => {
    const { profile, pixels } = golden.profiles[name]!
    const [samples, channels] = name === 'linear grey' ? [grey, 1] : [chart, 3]
    const file = png(
      hasAlpha ? withAlpha(samples, channels) : samples,
      channels + (hasAlpha ? 1 : 0),
      bits,
      bytesOf(profile),
    )
    expect(furthest((await decode(file)).data, pixelsOf(pixels))).toBeLessThanOrEqual(2)
    const tiff = await sharp(file, { ignoreIcc: true })
      .keepIccProfile()
      .toColourspace(bits === 16 ? 'rgb16' : 'srgb')
      .tiff({ compression: 'lzw' })
      .toBuffer()
    if (name !== 'linear grey') expect(furthest((await decode(tiff)).data, pixelsOf(pixels))).toBeLessThanOrEqual(2)
  })

  test.each([8, 16] as const)(
    'grey, with and without alpha, of %i bits without a profile stays as it is',
    async (bits) => {
      expect(furthest((await decode(png(grey, 1, bits))).data, greyAsRgb)).toBe(0)
      expect(furthest((await decode(png(withAlpha(grey, 1), 2, bits))).data, greyAsRgb)).toBe(0)
      expect(furthest((await decode(png(chart, 3, bits))).data, chart)).toBe(0)
      expect(furthest((await decode(png(withAlpha(chart, 3), 4, bits))).data, chart)).toBe(0)
    },
  )
})
