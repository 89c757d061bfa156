/** The gallery doctor finds what was planted, names nothing else, and tells thresholds and probabilities that hold. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answersOf, calibrate, reliabilityOf } from '../../evaluation/gallery/calibrate.ts'
import { checkGallery } from '../../evaluation/gallery/check-gallery.ts'
import { suggestThresholds } from '../../evaluation/gallery/open-set.ts'
import type { GalleryEntry } from '../../shared/gallery/gallery.ts'
import { openGallery } from '../../shared/gallery/open-gallery.ts'
import { probabilityOf } from '../../shared/gallery/rules.ts'
import { embedder, pictureVector, vectorOf } from '../harness/gallery/entries.ts'

const wide = { ...embedder, dimension: 512 }
const work = {
  stop: new AbortController().signal,
  tell: () => undefined,
  progress: () => ({ advance: () => undefined, end: () => undefined, [Symbol.dispose]: () => undefined }),
}

const picture = (item: number, number: number, fields: Partial<GalleryEntry> = {}): GalleryEntry => ({
  id: `${item}/${number}.jpg`,
  item: `item-${item}`,
  label: `Item ${item}`,
  vector: pictureVector(item, number),
  metadata: { sha256: `${item}-${number}` },
  ...fields,
})

async function check(entries: readonly GalleryEntry[], whose = wide) {
  await using gallery = await openGallery(join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g'), whose, 'create')
  await gallery.put(entries)
  const found = await checkGallery(gallery, { location: 'g', threshold: 0.5, work })
  if (found === undefined) throw new Error('it was not stopped')
  return found
}

const shelf = (items: number, each: number): GalleryEntry[] =>
  Array.from({ length: items * each }, (_, index) => picture(Math.floor(index / each), index % each))

test('a good gallery has nothing to be mended', async () => {
  const found = await check(shelf(12, 5))
  expect(found).toMatchObject({ recall: 1, doubtful: [], duplicates: [], close: [] })
  expect(found.items).toHaveLength(12)
  expect(found.items.filter(({ isEnough }) => !isEnough)).toEqual([])
  expect(found.items[0]).toMatchObject({ pictures: 5, distinct: 5, recall: 1, advice: [] })
  expect(found.thresholds.suggested).toMatchObject({ falseAccept: 0, falseReject: 0 })
  expect(found.thresholds.items).toEqual([])
})

test('what was planted in it is found, each as what it is', async () => {
  const found = await check([
    ...shelf(12, 5),
    // A picture of item 3 that is called item 7, the same bytes twice, and nearly the same picture.
    picture(3, 9, { id: 'wrong.jpg', item: 'item-7', label: 'Item 7' }),
    picture(4, 0, { id: 'copy.jpg' }),
    picture(5, 1, { id: 'near.jpg', metadata: {} }),
    // One picture only; five of one side; two items that are one.
    picture(50, 0),
    ...[0, 1, 2, 3, 4].map((number) => picture(60, 0, { id: `60/${number}`, metadata: { sha256: `side-${number}` } })),
    ...[0, 1, 2, 3].map((number) => picture(70, number, { item: number % 2 ? 'twin-a' : 'twin-b', label: 'Twin' })),
  ])
  expect(found.doubtful.map((one) => one.picture.id)).toEqual(['wrong.jpg'])
  expect(found.doubtful[0]).toMatchObject({ other: { item: 'item-3' }, own: { item: 'item-7' } })
  const pairs = found.duplicates.map(({ pictures: [a, b], isCopy }) => [a.id, b.id, isCopy])
  expect(pairs).toContainEqual(['4/0.jpg', 'copy.jpg', true])
  expect(pairs).toContainEqual(['5/1.jpg', 'near.jpg', false])
  expect(pairs).toHaveLength(2 + 10)
  expect(found.close.map(({ items }) => items.map(({ item }) => item))).toContainEqual(['twin-a', 'twin-b'])
  const item = (name: string) => found.items.find((one) => one.item === name)
  expect(item('item-50')).toMatchObject({ recall: null, isEnough: false, advice: [expect.stringMatching(/only one/)] })
  expect(item('item-60')).toMatchObject({ distinct: 1, advice: [expect.stringMatching(/show one side only/)] })
  expect(item('item-7')).toMatchObject({
    pictures: 6,
    advice: [expect.stringMatching(/^1 of 6 pictures is more like Item 3/)],
  })
  expect(item('twin-a')?.isEnough).toBe(false)
  expect(item('item-1')).toMatchObject({ isEnough: true })
})

test.each([
  ['nothing', []],
  ['one picture', shelf(1, 1)],
  ['one item', shelf(1, 4)],
  ['one picture of each item', shelf(6, 1)],
])('a gallery of %s is checked too, and nothing is made up', async (_what, entries) => {
  const found = await check(entries)
  expect(found.info.entries).toBe(entries.length)
  expect(found.thresholds).toMatchObject({ current: null, suggested: null, careful: null, items: [] })
  expect(found).toMatchObject({ calibration: null, reliability: null, doubtful: [] })
})

test('an item of so many pictures that they crowd all others out is still compared with them', async () => {
  const found = await check([...Array.from({ length: 700 }, (_, number) => picture(1, number)), ...shelf(1, 3)])
  expect(found.recall).toBe(1)
  expect(found.thresholds.suggested).not.toBeNull()
})

/** Answers as an embedder gives them: enrolled ones high, others low, with a stretch in which they mix. */
const mixed = Array.from({ length: 400 }, (_, index) => {
  const wave = vectorOf(index)[0]! * 0.8
  const place = { id: `p${index}`, item: `i${index % 40}`, label: 'x' }
  return {
    picture: { ...place, metadata: {} },
    vector: new Float32Array(),
    own: { ...place, id: 'own', score: 0.7 + wave },
    other: { ...place, id: 'other', item: `i${(index + 1) % 40}`, score: 0.45 + vectorOf(index + 5_000)[0]! * 0.8 },
    nearest: [],
  }
})

test('the errors that are told of a threshold are those that it has', () => {
  const { suggested, careful, curve } = suggestThresholds(mixed)
  const taken = mixed.filter(({ other }) => other.score >= suggested!.threshold).length / mixed.length
  const missed = mixed.filter(({ own, other }) => own.score < suggested!.threshold || own.score < other.score).length
  expect(suggested).toMatchObject({ falseAccept: taken, falseReject: missed / mixed.length })
  expect(careful!.falseAccept).toBeLessThanOrEqual(0.01)
  expect(careful!.threshold).toBeGreaterThan(suggested!.threshold)
  for (const [index, point] of curve.entries()) {
    if (index > 0) expect(point.falseAccept).toBeLessThanOrEqual(curve[index - 1]!.falseAccept)
    expect(point.falseAccept + point.falseReject).toBeGreaterThanOrEqual(
      suggested!.falseAccept + suggested!.falseReject,
    )
  }
})

test('what is called 80 % probable is right about as often, on items that were not learnt from', () => {
  const answers = answersOf(mixed)
  const curve = calibrate(answers)!
  expect(probabilityOf(0.95, curve)).toBeGreaterThan(0.9)
  expect(probabilityOf(0.2, curve)).toBeLessThan(0.1)
  const { error, bins } = reliabilityOf(answers)!
  expect(error).toBeLessThan(0.06)
  expect(bins.reduce((sum, bin) => sum + bin.answers, 0)).toBe(answers.length)
})

test('the curve is that of the greatest likelihood: moving it makes it worse', () => {
  const answers = answersOf(mixed)
  const curve = calibrate(answers)!
  const loss = ({ slope, offset }: { slope: number; offset: number }): number =>
    answers.reduce((sum, { score, isRight, weight }) => {
      const p = probabilityOf(score, { slope, offset })
      return sum - weight * Math.log(isRight ? p : 1 - p)
    }, 0)
  for (const [slope, offset] of [
    [1.4, 1.4],
    [0.6, 0.6],
    [1, 1.2],
    [1, 0.8],
  ] as const) {
    expect(loss({ slope: curve.slope * slope, offset: curve.offset * offset })).toBeGreaterThan(loss(curve))
  }
})

test('no curve is made of too little, nor of answers where more alike is more often wrong', () => {
  expect(calibrate(answersOf(mixed.slice(0, 5)))).toBeNull()
  const upside = answersOf(mixed).map((one) => ({ ...one, score: -one.score }))
  expect(calibrate(upside)).toBeNull()
})
