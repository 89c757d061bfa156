/** Drawing an event: any picture and any label ends in a JPEG on which boxes and names are to be seen. */
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { drawEvent } from '../../../views/draw/draw-event.ts'

const grey = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#808080' } })
    .png()
    .toBuffer()

const object = (box: RecognizedObject['box'], label: string | null): RecognizedObject => ({
  box,
  detectionScore: 0.9,
  item: label,
  label,
  score: 0.87,
  candidates: [],
})

const eventOf = (objects: readonly RecognizedObject[], skipped: string | null = null): RecognitionEvent => ({
  id: 'a',
  camera: 'shelf',
  source: 'test',
  capturedAt: '2026-01-01T00:00:00.000Z',
  image: null,
  objects: [...objects],
  skipped,
  gallery: { revision: 1, entries: 0, items: 0 },
  models: { detector: { name: 'd', sha256: '' }, embedder: { name: 'e', sha256: '' } },
  thresholds: { detection: 0.5, recognition: 0.5 },
  timings: { decodeMs: 0, detectMs: 0, embedMs: 0, matchMs: 0, totalMs: 0 },
})

/** Pixels that are no longer the grey of the picture, by hue. */
async function coloured(jpeg: Uint8Array): Promise<{ blue: number; amber: number; width: number; height: number }> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true })
  let blue = 0
  let amber = 0
  for (let at = 0; at < data.length; at += 3) {
    if (data[at + 2]! > data[at]! + 60) blue += 1
    if (data[at]! > data[at + 2]! + 60) amber += 1
  }
  return { blue, amber, width: info.width, height: info.height }
}

describe('drawing an event', () => {
  test('a recognized object is drawn in another colour than an unknown one', async () => {
    const picture = await grey(960, 720)
    const known = await coloured(await drawEvent(picture, eventOf([object([100, 100, 400, 400], 'Tea')])))
    const unknown = await coloured(await drawEvent(picture, eventOf([object([100, 100, 400, 400], null)])))
    expect(known.blue).toBeGreaterThan(1500)
    expect(known.amber).toBe(0)
    expect(unknown.amber).toBeGreaterThan(1500)
    expect(unknown.blue).toBe(0)
    expect([known.width, known.height]).toEqual([960, 720])
  })

  test('of 150 things on one picture most is still to be seen, and the picture is large enough for their names', async () => {
    const objects = Array.from({ length: 150 }, (_, index) => {
      const [x, y] = [5 + (index % 15) * 63, 10 + Math.floor(index / 15) * 126]
      return object([x, y, x + 38, y + 100], index % 3 === 0 ? null : 'CawstonGinger6x33cl')
    })
    const { blue, amber, width, height } = await coloured(await drawEvent(await grey(960, 1280), eventOf(objects)))
    expect(width).toBeGreaterThan(2000)
    expect(blue / (width * height)).toBeGreaterThan(0.03)
    expect((blue + amber) / (width * height)).toBeLessThan(0.2)
  })

  test('a picture without objects stays as it is', async () => {
    const drawn = await coloured(await drawEvent(await grey(960, 720), eventOf([])))
    expect(drawn.blue + drawn.amber).toBe(0)
  })

  test('a skipped frame says so', async () => {
    const picture = await grey(640, 480)
    const { data } = await sharp(await drawEvent(picture, eventOf([], 'stale')))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect(data.filter((value) => value > 220).length).toBeGreaterThan(100)
  })

  test.each([
    [1, 1, 8, 8],
    [8000, 10, 8000, 10],
    [10, 8000, 10, 8000],
    [200, 100, 640, 320],
  ])('a picture of %i x %i is drawn with %i x %i pixels', async (width, height, drawnWidth, drawnHeight) => {
    const event = eventOf([object([0, 0, width, height], 'Whole'), object([0, 0, width / 2, height], null)])
    const drawn = await coloured(await drawEvent(await grey(width, height), event))
    expect([drawn.width, drawn.height]).toEqual([drawnWidth, drawnHeight])
    expect(drawn.blue).toBeGreaterThan(0)
  })

  test.each([
    ['markup', '<script>alert(1)</script>"/><image href="file:///etc/passwd"/>'],
    ['terminal escapes', '\u001b[31mred\u001b]0;title\u0007'],
    ['an emoji of several code points', '👩‍👩‍👧 family'],
    ['other scripts', '漢字かな عربى हिन्दी ไทย 한국어'],
    ['a script without letters here', 'ᚠᚢᚦ'],
    ['direction overrides', 'abc\u202Edef\u2066'],
    ['two hundred characters', 'long '.repeat(40)],
    ['a thousand combining marks', `a${'\u0301'.repeat(1000)}`],
    ['half a surrogate pair', '\uD83D broken'],
    ['nothing', ''],
  ])('a label of %s is drawn inside the picture', async (_what, label) => {
    const drawn = await coloured(await drawEvent(await grey(640, 480), eventOf([object([500, 10, 630, 200], label)])))
    expect(drawn.blue).toBeGreaterThan(800)
    expect([drawn.width, drawn.height]).toEqual([640, 480])
  })

  test('a label in a script without letters here is stood in for by its item', async () => {
    const drawn = async (label: string, item: string) =>
      drawEvent(await grey(640, 480), eventOf([{ ...object([100, 100, 400, 400], label), item }]))
    expect(await drawn('ગુજરાતી', 'milk-1')).toEqual(await drawn('milk-1', 'milk-1'))
    expect(await drawn('', 'milk-1')).toEqual(await drawn('milk-1', 'milk-1'))
    expect(await drawn('ગુજરાતી milk', 'milk-1')).not.toEqual(await drawn('milk-1', 'milk-1'))
  })

  test('boxes outside the picture, inside out or not finite do no harm', async () => {
    const event = eventOf([
      object([-500, -500, 9000, 9000], 'Larger'),
      object([700, 500, 900, 600], 'Outside'),
      object([300, 300, 100, 100], 'Inside out'),
      object([Number.NaN, 0, 10, 10], 'NaN'),
    ])
    expect((await coloured(await drawEvent(await grey(640, 480), event))).blue).toBeGreaterThan(1000)
  })

  test('the boxes follow the EXIF orientation of the picture', async () => {
    const turned = await sharp(await grey(800, 640))
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const drawn = await coloured(await drawEvent(turned, eventOf([object([10, 10, 600, 780], 'Tall')])))
    expect([drawn.width, drawn.height]).toEqual([640, 800])
  })
})
