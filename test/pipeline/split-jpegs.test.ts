import sharp from 'sharp'
import { expect, test } from 'vitest'
import { splitJpegs } from '../../pipeline/sources/split-jpegs.ts'
import { product } from '../harness/pictures.ts'

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const split = async (bytes: Uint8Array, size = 4096): Promise<Buffer[]> => {
  const found: Buffer[] = []
  for await (const one of splitJpegs(inChunks(bytes, size))) found.push(Buffer.from(one))
  return found
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

test.each([1, 7, 1000, 1_000_000])('pictures are cut where they end, read %i bytes at a time', async (size) => {
  const pictures = [baseline, progressive, noisy, withThumbnail(baseline, progressive), baseline]
  expect(await split(Buffer.concat(pictures), size)).toEqual(pictures)
})

test('fill bytes before a marker belong to the picture', async () => {
  const filled = Buffer.concat([baseline.subarray(0, 2), Buffer.from([0xff, 0xff]), baseline.subarray(2)])
  expect(await split(Buffer.concat([filled, baseline]))).toEqual([filled, baseline])
})

test('an empty stream has no pictures', async () => {
  expect(await split(Buffer.alloc(0))).toEqual([])
})

test.each([
  ['that ends in the midst of a picture', Buffer.concat([baseline, progressive.subarray(0, 500)])],
  ['that is something else', Buffer.from('no picture')],
  ['that is something else behind the first picture', Buffer.concat([baseline, Buffer.from('no picture')])],
])('a stream %s is told, after what was good', async (_name, bytes) => {
  const found: Uint8Array[] = []
  const reading = (async () => {
    for await (const one of splitJpegs(inChunks(bytes, 100))) found.push(one)
  })()
  await expect(reading).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' })
  expect(found).toHaveLength(bytes.subarray(0, 2).equals(baseline.subarray(0, 2)) ? 1 : 0)
})
