/** JPEGs as cameras and lines damage them: the pixels of cv2.imread where little is missing, and a refusal that says how much is. */
import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodeImage, defaultImageLimits } from '../../../shared/imaging/decode.ts'
import { missingShareOf } from '../../../shared/imaging/jpeg-scan.ts'
import { bytesOf, changeEvery, golden, intervalsOf, scanStart } from '../../harness/golden-pictures.ts'

const decode = (bytes: Uint8Array) => decodeImage(bytes, defaultImageLimits)
const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
const readHash = async (bytes: Uint8Array): Promise<string> => hashOf((await decode(bytes)).data)
const stray = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9])

const restarts = Object.entries(golden.damaged).filter(([name]) => name.startsWith('4:'))
const plain = Object.entries(golden.damaged).filter(([name]) => !name.startsWith('4:'))

describe.each(restarts)('with restart markers, %s', (_name, { file, pixels }) => {
  const whole = bytesOf(file)

  test.each([1, 2, 50, 99, 100, 190])('stray bytes before %i restart markers change no pixel', async (count) => {
    const { head, intervals } = intervalsOf(whole)
    const made = Buffer.concat([head, ...intervals.flatMap((one, at) => (at < count ? [one, stray] : [one]))])
    expect(await readHash(made)).toBe(pixels['whole'])
  })

  const changes: Readonly<Record<string, (interval: Buffer) => Buffer>> = {
    whole: (interval) => interval,
    'lost markers': (interval) => interval.subarray(2),
    'lost intervals': () => Buffer.alloc(0),
    'halved intervals': (interval) => interval.subarray(0, 2 + (interval.length >> 1)),
  }
  test.each(Object.entries(pixels))('%s: the pixels are those of cv2.imread', async (variant, right) => {
    const [, what = variant, n = '1'] = /^(.*) (\d+)$/.exec(variant) ?? []
    const made = changeEvery(whole, Number(n), changes[what]!)
    // What is lost is more than an eighth, now and then: then it is refused.
    if (missingShareOf(made, 1e6) > 1 / 8)
      await expect(decode(made)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' })
    else expect(await readHash(made)).toBe(right)
  })

  test('with every second interval lost it is refused', async () => {
    await expect(decode(changeEvery(whole, 2, () => Buffer.alloc(0)))).rejects.toThrow(
      /\d\d % of the picture is missing/,
    )
  })
})

describe.each(plain)('%s', (_name, { file, pixels }) => {
  const whole = bytesOf(file)

  test.each(Object.entries(pixels))('%s: the pixels are those of cv2.imread', async (variant, right) => {
    const [, count = '0'] = /^cut (\d+)$/.exec(variant) ?? []
    const made = whole.subarray(0, whole.length - Number(count))
    if (missingShareOf(made, 1e6) > 1 / 8)
      await expect(decode(made)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' })
    else expect(await readHash(made)).toBe(right)
  })

  test.each([
    ['zeros', Buffer.alloc(700)],
    ['text', Buffer.from('\r\n--frame\r\n')],
    ['another JPEG, as an MPO has it', whole],
  ])('what follows the picture is nothing to it: %s', async (_what, rest) => {
    expect(await readHash(Buffer.concat([whole, rest]))).toBe(pixels['whole'])
  })

  test('without its end marker it is whole', async () => {
    expect(missingShareOf(whole.subarray(0, -2), 1e6)).toBe(0)
    expect(await readHash(whole.subarray(0, -2))).toBe(pixels['whole'])
  })
})

describe('a picture of which much is missing is refused, however it is hidden', () => {
  const noisy = async (options: { progressive: boolean; optimiseCoding: boolean }): Promise<Buffer> => {
    const raw = Buffer.from(Array.from({ length: 160 * 120 * 3 }, (_, at) => (at * 7919 + ((at * at) >> 5)) & 255))
    return sharp(raw, { raw: { width: 160, height: 120, channels: 3 } })
      .jpeg({ quality: 80, optimizeScans: false, ...options })
      .toBuffer()
  }
  const kinds = [
    { progressive: false, optimiseCoding: false },
    { progressive: false, optimiseCoding: true },
    { progressive: true, optimiseCoding: true },
  ]
  const half = (bytes: Buffer): Buffer => bytes.subarray(0, scanStart(bytes) + ((bytes.length - scanStart(bytes)) >> 1))

  test.each(kinds)('half of it, %j', async (options) => {
    const cut = half(await noisy(options))
    for (const made of [cut, Buffer.concat([cut, Buffer.from([0xff, 0xd9])])]) {
      await expect(decode(made)).rejects.toThrow(/^the JPEG is cut or damaged: \d+ % of the picture is missing$/)
    }
  })

  test('half of it and then zeros, as a card or an upload that broke off leaves it', async () => {
    const whole = await noisy(kinds[0]!)
    const cut = half(whole)
    for (const end of [[], [0xff, 0xd9]]) {
      const made = Buffer.concat([cut, Buffer.alloc(whole.length - cut.length), Buffer.from(end)])
      await expect(decode(made)).rejects.toThrow(/% of the picture is missing/)
    }
  })

  test('what is missing is measured: the more is cut off, the more it is', async () => {
    for (const options of kinds) {
      const whole = await noisy(options)
      const shares = [0, 0.02, 0.1, 0.3, 0.6].map((part) =>
        missingShareOf(whole.subarray(0, whole.length - Math.round((whole.length - scanStart(whole)) * part)), 1e6),
      )
      expect(shares).toEqual(shares.toSorted((a, b) => a - b))
      expect([shares[0], shares.at(-1)! > 0.3]).toEqual([0, true])
    }
  })

  test('one colour, whose data are nothing but zeros, is whole without its end marker', async () => {
    const flat = await sharp({ create: { width: 640, height: 480, channels: 3, background: '#808080' } })
      .jpeg()
      .toBuffer()
    expect((await decode(flat.subarray(0, -2))).data.every((value) => value === 128)).toBe(true)
  })

  test.each([
    [0xc3, 'a lossless JPEG is not read'],
    [0xc5, 'a hierarchical JPEG is not read'],
  ])('a coding that is not read is named: SOF %i', async (code, message) => {
    const bytes = Buffer.from(await noisy(kinds[0]!))
    bytes[bytes.indexOf(Buffer.from([0xff, 0xc0])) + 1] = code
    await expect(decode(bytes)).rejects.toThrow(message)
  })
})
