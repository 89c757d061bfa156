/** Few large pictures or many small ones: what they take together stays within what there is for them. */
import { setImmediate } from 'node:timers/promises'
import { decodeImage, defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import { memoryForPictures, PictureMemory, type Room } from '@sightline/shared/imaging/picture-memory.ts'
import sharp, { type JpegOptions } from 'sharp'
import { expect, test } from 'vitest'

/** Asks for `bytes`, and says when they were given. */
function ask(room: Room, bytes: number): { isGiven: boolean } {
  const told = { isGiven: false }
  void room.need(bytes).then(() => {
    told.isGiven = true
  })
  return told
}

test('pictures wait until there is room, in the order in which they came', async () => {
  const memory = new PictureMemory(100)
  const [first, large, small] = [memory.room(), memory.room(), memory.room()]
  await first.need(60)
  const asked = [ask(large, 80), ask(small, 30)]
  await setImmediate()
  expect(asked).toEqual([{ isGiven: false }, { isGiven: false }])
  await first.need(20)
  await setImmediate()
  expect(asked).toEqual([{ isGiven: true }, { isGiven: false }])
  large[Symbol.dispose]()
  await setImmediate()
  expect(asked[1]).toEqual({ isGiven: true })
})

test('two that both need more do not wait for each other for ever', async () => {
  const memory = new PictureMemory(100)
  const rooms = [memory.room(), memory.room()]
  await Promise.all(rooms.map((room) => room.need(50)))
  await Promise.all(
    rooms.map(async (room) => {
      await room.need(90)
      room[Symbol.dispose]()
    }),
  )
})

test('what could never be had is refused, with what it takes and what there is', async () => {
  const memory = new PictureMemory(100 * 2 ** 20)
  await expect(memory.room().need(101 * 2 ** 20)).rejects.toMatchObject({
    code: 'IMAGE_TOO_LARGE',
    retryable: false,
    message: expect.stringMatching(/101 MiB.*100 MiB/),
  })
  await memory.room().need(100 * 2 ** 20)
})

test('there is memory for pictures in this process, and not more than the machine has', () => {
  expect(memoryForPictures()).toBeGreaterThan(16 * 2 ** 20)
  expect(memoryForPictures()).toBeLessThan(process.constrainedMemory() || Number.POSITIVE_INFINITY)
})

const [width, height] = [640, 480]
const grey = () => sharp({ create: { width, height, channels: 3, background: '#808080' } })
const jpeg = (options: JpegOptions) => grey().jpeg(options).toBuffer()

test.each([
  ['a JPEG', () => jpeg({}), 3.5],
  ['a progressive JPEG', () => jpeg({ progressive: true }), 9.5],
  ['a turned JPEG', () => grey().withMetadata({ orientation: 6 }).jpeg().toBuffer(), 6.5],
  ['an AVIF', () => grey().avif({ effort: 0 }).toBuffer(), 19.5],
  ['a BMP', async () => bmp(), 24],
])('%s asks for what its decoding takes, and keeps what its pixels take', async (_what, make, bytesPerPixel) => {
  const asked: number[] = []
  const room: Room = {
    need: async (bytes) => void asked.push(bytes),
    [Symbol.dispose]: () => undefined,
  }
  await decodeImage(await make(), defaultImageLimits, room)
  expect(asked).toEqual([width * height * bytesPerPixel, width * height * 3])
})

/** 24 bits a pixel, uncompressed. */
function bmp(): Buffer {
  const bytes = Buffer.alloc(54 + width * height * 3)
  bytes.write('BM')
  bytes.writeUInt32LE(bytes.length, 2)
  bytes.writeUInt32LE(54, 10)
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(width, 18)
  bytes.writeInt32LE(height, 22)
  bytes.writeUInt16LE(1, 26)
  bytes.writeUInt16LE(24, 28)
  return bytes
}
