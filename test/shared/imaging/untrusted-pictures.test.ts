/** Pictures from anywhere, side by side: each ends in pixels or in its own reason, and nothing black is made of what is not there. */
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { decodeImage, defaultImageLimits, type ImageLimits } from '../../../shared/imaging/decode.ts'
import { bytesOf, golden } from '../../harness/golden-pictures.ts'
import { noise } from '../../harness/noise.ts'

const decode = (bytes: Uint8Array, limits: Partial<ImageLimits> = {}) =>
  decodeImage(bytes, { ...defaultImageLimits, ...limits })

/** How many damaged pictures are tried; PICTURE_FUZZ_ROUNDS=100000 for a long look. */
const fuzzRounds = Number(process.env['PICTURE_FUZZ_ROUNDS'] ?? 3000)

const speckled = (width: number, height: number) =>
  sharp(Buffer.from(noise(width * height * 3, 5)), { raw: { width, height, channels: 3 } })

interface TiffOptions {
  readonly compression?: number
  readonly tiles?: boolean
}

/** 64 x 64 of grey 200 in four uncompressed strips or tiles, by hand; `compression` is what it claims. */
function tiffOf({ compression = 1, tiles = false }: TiffOptions): Buffer {
  const [parts, partBytes] = [4, 1024]
  const tags: readonly (readonly [number, number, readonly number[]])[] = [
    [256, 3, [64]],
    [257, 3, [64]],
    [258, 3, [8]],
    [259, 3, [compression]],
    [262, 3, [1]],
    ...(tiles ? [] : [[273, 4, offsets()] as const]),
    [277, 3, [1]],
    ...(tiles
      ? [[322, 3, [32]] as const, [323, 3, [32]] as const, [324, 4, offsets()] as const, [325, 4, sizes()] as const]
      : [[278, 3, [16]] as const, [279, 4, sizes()] as const]),
  ]
  function offsets(): number[] {
    return Array.from({ length: parts }, (_, part) => 512 + part * partBytes)
  }
  function sizes(): number[] {
    return Array.from({ length: parts }, () => partBytes)
  }
  const file = Buffer.alloc(512 + parts * partBytes, 200)
  file.fill(0, 0, 512)
  file.write('II*\0', 0, 'latin1')
  file.writeUInt32LE(8, 4)
  file.writeUInt16LE(tags.length, 8)
  let far = 256
  for (const [index, [id, type, values]] of tags.entries()) {
    const at = 10 + index * 12
    file.writeUInt16LE(id, at)
    file.writeUInt16LE(type, at + 2)
    file.writeUInt32LE(values.length, at + 4)
    if (values.length === 1) file.writeUInt32LE(values[0]!, at + 8)
    else {
      file.writeUInt32LE(far, at + 8)
      for (const value of values) far = file.writeUInt32LE(value, far)
    }
  }
  return file
}

describe('TIFF', () => {
  test.each([false, true])('whole, in tiles: %s', async (tiles) => {
    const { data } = await decode(tiffOf({ tiles }))
    expect(data.every((value) => value === 200)).toBe(true)
  })

  test.each([
    [50_000, 'Zstandard'],
    [34_925, 'LZMA'],
    [34_712, 'JPEG 2000'],
    [34_887, 'LERC'],
    [34_661, 'JBIG'],
    [50_002, 'JPEG XL'],
    [6, 'JPEG of the old style'],
    [65_000, 'number 65000'],
  ])('compression %i is refused by its name', async (compression, name) => {
    await expect(decode(tiffOf({ compression }))).rejects.toThrow(`the TIFF's compression, ${name}`)
  })

  test.each([false, true])('cut anywhere it is refused, in tiles: %s', async (tiles) => {
    const whole = tiffOf({ tiles })
    for (const length of [whole.length - 1, whole.length - 100, 3000, 600, 300, 100, 9]) {
      await expect(decode(whole.subarray(0, length))).rejects.toThrow(/^the TIFF is cut/)
    }
  })

  test.each(['lzw', 'deflate', 'jpeg', 'packbits', 'webp', 'none'] as const)(
    '%s in tiles is read, and cut it is not',
    async (compression) => {
      const whole = await speckled(100, 80).tiff({ compression, tile: true, tileWidth: 32, tileHeight: 32 }).toBuffer()
      expect(await decode(whole)).toMatchObject({ width: 100, height: 80 })
      await expect(decode(whole.subarray(0, whole.length >> 1))).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' })
    },
  )
})

test('of 600 pictures that fail side by side each has its own reason', async () => {
  const jpeg = await speckled(64, 48).jpeg().toBuffer()
  const png = await speckled(64, 48).png().toBuffer()
  const badPng = Uint8Array.from(png)
  badPng[png.length >> 1]! ^= 1
  const webp = await speckled(64, 48).webp().toBuffer()
  const gif = await speckled(64, 48).gif().toBuffer()
  const avif = await speckled(64, 48).avif({ effort: 0 }).toBuffer()
  const failing: readonly (readonly [Uint8Array, string, RegExp])[] = [
    [
      jpeg.subarray(0, jpeg.length >> 1),
      'IMAGE_UNREADABLE',
      /^the JPEG is cut or damaged: \d+ % of the picture is missing$/,
    ],
    [png.subarray(0, png.length >> 1), 'IMAGE_UNREADABLE', /^the PNG is cut: it ends in its IDAT chunk$/],
    [badPng, 'IMAGE_UNREADABLE', /^the PNG is damaged: the checksum of its IDAT chunk is wrong$/],
    [webp.subarray(0, webp.length >> 1), 'IMAGE_UNREADABLE', /^the WebP is cut/],
    [gif.subarray(0, gif.length >> 1), 'IMAGE_UNREADABLE', /^the GIF is cut/],
    [avif.subarray(0, avif.length >> 1), 'IMAGE_UNREADABLE', /^the AVIF is cut/],
    [tiffOf({ compression: 50_000 }), 'IMAGE_UNREADABLE', /^the TIFF's compression, Zstandard/],
    [tiffOf({}).subarray(0, 3000), 'IMAGE_UNREADABLE', /^the TIFF is cut/],
    [bytesOf(golden.formats['heic']!.file).subarray(0, 500), 'IMAGE_UNREADABLE', /^the HEIC is cut or damaged/],
    [Buffer.from('no picture'), 'IMAGE_UNREADABLE', /^no picture of a kind that is known/],
    [new Uint8Array(), 'IMAGE_EMPTY', /no bytes/],
    [await speckled(200, 200).png().toBuffer(), 'IMAGE_TOO_LARGE', /^the picture is 200x200; at most 10000 pixels/],
  ]
  const whole = await speckled(50, 50).jpeg().toBuffer()
  const ends = await Promise.all(
    Array.from({ length: 600 }, async (_, at) => {
      const [bytes, code, reason] = failing[at % failing.length]!
      const good = await decode(whole)
      const error = await decode(bytes, { maxPixels: 10_000 }).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      const isRight = error instanceof SightlineError && error.code === code && reason.test(error.message)
      return isRight && good.width === 50 ? null : `${reason}: ${error}`
    }),
  )
  expect(ends.filter((end) => end !== null)).toEqual([])
})

describe('limits', () => {
  test.each(Object.entries(golden.formats))(
    '%s: too many pixels are refused before they are made',
    async (_name, { file }) => {
      await expect(decode(bytesOf(file), { maxPixels: 700 })).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' })
    },
  )

  test('a picture that takes too long ends alone; the next is read, and the event loop goes on', async () => {
    const bomb = Buffer.concat([Buffer.from('P3\n7000 7000\n255\n'), Buffer.alloc(24_000_000, '1 ')])
    let ticks = 0
    const ticking = setInterval(() => {
      ticks += 1
    }, 10)
    const [slow, next] = await Promise.allSettled([
      decode(bomb, { timeoutSeconds: 0.05 }),
      decode(bytesOf(golden.formats['bmp']!.file)),
    ])
    clearInterval(ticking)
    expect(slow).toMatchObject({ reason: { code: 'IMAGE_TIMEOUT', message: 'decoding took longer than 0.05 s' } })
    expect(next).toMatchObject({ value: { width: 32 } })
    expect(ticks).toBeGreaterThan(5)
  })
})

test('mutilated pictures of every format end in pixels or an IMAGE_* error, in bounded time', async () => {
  const originals: readonly Uint8Array[] = [
    await speckled(48, 40).jpeg().toBuffer(),
    await speckled(48, 40).jpeg({ progressive: true }).toBuffer(),
    await speckled(48, 40).png().toBuffer(),
    await speckled(48, 40).webp().toBuffer(),
    await speckled(48, 40).gif().toBuffer(),
    await speckled(48, 40).tiff({ compression: 'lzw' }).toBuffer(),
    tiffOf({ tiles: true }),
    await speckled(48, 40).avif({ effort: 0 }).toBuffer(),
    ...Object.values(golden.damaged).map(({ file }) => bytesOf(file)),
    ...Object.values(golden.formats).map(({ file }) => bytesOf(file)),
  ]
  const ends = new Map<string, number>()
  let slowest = 0
  for (let round = 0; round < fuzzRounds; round += 1) {
    const bytes = mutilated(originals[round % originals.length]!, round + 1)
    const start = performance.now()
    const end = await decode(bytes, { maxPixels: 1_000_000, timeoutSeconds: 5 }).then(
      ({ data, width, height }) => (data.length === width * height * 3 ? 'pixels' : 'a wrong length'),
      (error: unknown) => (error instanceof SightlineError ? error.code : String(error)),
    )
    slowest = Math.max(slowest, performance.now() - start)
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  expect([...ends.keys()].filter((end) => end !== 'pixels' && !end.startsWith('IMAGE_'))).toEqual([])
  expect(ends.get('pixels')).toBeGreaterThan(fuzzRounds / 50)
  expect(ends.get('IMAGE_UNREADABLE')).toBeGreaterThan(fuzzRounds / 50)
  expect(slowest).toBeLessThan(11_000)
}, 3_600_000)

/** Some bits turned, a piece cut off, left out or doubled, a header with noise behind it: by the round. */
function mutilated(original: Uint8Array, round: number): Uint8Array {
  const dice = noise(24, round)
  const at = (index: number): number => ((dice[index]! << 8) | dice[index + 1]!) % original.length
  const bytes = Uint8Array.from(original)
  switch (dice[0]! % 6) {
    case 0:
      for (let turn = 0; turn <= dice[1]! % 8; turn += 1) bytes[at(2 + turn * 2)]! ^= 1 << (dice[20]! & 7)
      return bytes
    case 1:
      return bytes.subarray(0, at(2))
    case 2:
      return Buffer.concat([bytes.subarray(0, at(2)), bytes.subarray(at(4))])
    case 3:
      return Buffer.concat([bytes.subarray(0, Math.min(at(2), 64)), noise(dice[4]! * 8, round)])
    case 4:
      return bytes.fill(dice[4]! & 1 ? 0 : 0xff, at(2), at(2) + dice[6]! * 4)
    default:
      for (let turn = 0; turn <= dice[1]! % 4; turn += 1) bytes[at(2 + turn * 2) % 64] = dice[12 + turn]!
      return bytes
  }
}
