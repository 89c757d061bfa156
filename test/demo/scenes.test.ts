/** The sample pictures: the same for the same seed, and what the truth says is what the pictures show. */
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { type GalleryPicture, galleryPictures } from '../../demo/gallery-pictures.ts'
import { products } from '../../demo/products.ts'
import { seededRandom } from '../../demo/random.ts'
import { type SceneFrame, sceneFrames } from '../../demo/scenes.ts'
import { checkoutScript, conveyorScript, shelfScript } from '../../demo/scripts.ts'
import { makeStock, type Stock } from '../../demo/shooting.ts'

let stock: Stock

beforeAll(async () => {
  stock = await makeStock()
})

async function frames(seed: string, each: number): Promise<readonly SceneFrame[]> {
  const all: SceneFrame[] = []
  for await (const frame of sceneFrames(stock, seed, each)) all.push(frame)
  return all
}

describe('the sample cameras', () => {
  test('play the same frames for the same seed and others for another', async () => {
    const first = await frames('seed', 1)
    const again = await frames('seed', 1)
    const other = await frames('other', 1)
    expect(again).toEqual(first)
    for (const [index, frame] of first.entries()) expect(frame.jpeg).not.toEqual(other[index]!.jpeg)
  })

  test('tell what is where: true boxes lie in their frames', async () => {
    const all = await frames('seed', 3)
    expect(all.map(({ camera, index }) => `${camera} ${index}`)).toEqual(
      [0, 1, 2].flatMap((index) => ['shelf', 'checkout', 'conveyor'].map((camera) => `${camera} ${index}`)),
    )
    for (const { jpeg, truth } of all) {
      const { width, height } = await sharp(jpeg).metadata()
      for (const { box, visible } of truth) {
        const [x1, y1, x2, y2] = box
        expect(x1).toBeGreaterThanOrEqual(0)
        expect(y1).toBeGreaterThanOrEqual(0)
        expect(x2).toBeLessThanOrEqual(width)
        expect(y2).toBeLessThanOrEqual(height)
        expect(x2).toBeGreaterThan(x1)
        expect(y2).toBeGreaterThan(y1)
        expect(visible).toBeGreaterThan(0)
        expect(visible).toBeLessThanOrEqual(1)
      }
    }
  })

  test('show between none and five objects, all products, and at times nothing at all', () => {
    const random = seededRandom('seed')
    const scripts = [shelfScript, checkoutScript, conveyorScript].map((script, index) =>
      script(random.fork(String(index)), 200),
    )
    const counts = scripts.flat().map((moment) => moment.length)
    expect(Math.max(...counts)).toBeLessThanOrEqual(5)
    for (const script of scripts.slice(1)) expect(script.some((moment) => moment.length === 0)).toBe(true)
    for (const script of scripts) {
      const shown = new Set(script.flat().map(({ product }) => product.item))
      expect(shown.size).toBe(products.length)
    }
  })
})

describe('the sample gallery', () => {
  test('has the asked number of pictures of each enrolled product, none of the others, the same for the same seed', async () => {
    const take = async (): Promise<readonly GalleryPicture[]> => {
      const pictures: GalleryPicture[] = []
      for await (const picture of galleryPictures(stock, 'seed', 2)) pictures.push(picture)
      return pictures
    }
    const pictures = await take()
    const enrolled = products.filter(({ isEnrolled }) => isEnrolled).map(({ item }) => item)
    expect(pictures.map(({ item }) => item)).toEqual(enrolled.flatMap((item) => [item, item]))
    expect(products.length - enrolled.length).toBe(4)
    expect(new Set(pictures.map(({ name }) => name)).size).toBe(pictures.length)
    expect(await take()).toEqual(pictures)
  })
})

describe('seeded random numbers', () => {
  test('are spread evenly and normally', () => {
    const random = seededRandom('any')
    const even = Array.from({ length: 20_000 }, () => random.next())
    const normal = Array.from({ length: 20_000 }, () => random.normal())
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(even)).toBeCloseTo(0.5, 1)
    expect(mean(normal)).toBeCloseTo(0, 1)
    expect(mean(normal.map((value) => value * value))).toBeCloseTo(1, 1)
    expect(Math.min(...even)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...even)).toBeLessThan(1)
  })

  test('of a fork do not depend on what was drawn before', () => {
    const random = seededRandom('any')
    const before = random.fork('a').next()
    random.next()
    expect(random.fork('a').next()).toBe(before)
    expect(random.fork('b').next()).not.toBe(before)
  })
})
