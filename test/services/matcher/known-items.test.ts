/** The matcher goes on through all that can become of its gallery. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openKnownItems } from '../../../services/matcher/known-items.ts'
import type { GalleryEmbedder } from '../../../shared/gallery/gallery.ts'
import { openGallery, openGalleryBuild, readGalleryEmbedder } from '../../../shared/gallery/open-gallery.ts'

const embedder: GalleryEmbedder = { name: 'one', sha256: '1'.repeat(64), dimension: 4, threshold: 0.7 }
const other: GalleryEmbedder = { name: 'other', sha256: '2'.repeat(64), dimension: 3 }
const entry = (id: string, vector: Float32Array) => ({ id, item: id, label: id, vector, metadata: {} })
const query = [Float32Array.of(1, 0, 0, 0)]

async function known() {
  const folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'gallery')
  const clock = { now: 0 }
  const items = await openKnownItems({
    embedder: () => readGalleryEmbedder(folder),
    open: (one) => openGallery(folder, one),
    now: () => clock.now,
  })
  return { folder, clock, items }
}

test('without a gallery everything is unknown, and one that is made is seen', async () => {
  const { folder, clock, items } = await known()
  await using _items = items
  expect(await items.info()).toEqual({ revision: 0, entries: 0, items: 0, embedder: null })
  expect(await items.search(query, 3)).toEqual([[]])
  await using gallery = await openGallery(folder, embedder, 'create')
  await gallery.put([entry('a', query[0]!)])
  clock.now += 5_000
  expect(await items.info()).toMatchObject({ entries: 1, embedder })
  expect((await items.search(query, 3))[0]).toMatchObject([{ id: 'a' }])
})

test('a gallery that is rebuilt for another embedder is that one’s from then on', async () => {
  const { folder, clock, items } = await known()
  await using _items = items
  {
    await using gallery = await openGallery(folder, embedder, 'create')
    await gallery.put([entry('a', query[0]!)])
  }
  clock.now += 5_000
  expect(await items.info()).toMatchObject({ embedder })
  {
    await using build = await openGalleryBuild(folder, other)
    await build.draft.put([entry('b', Float32Array.of(0, 1, 0))])
    await build.publish()
  }
  expect((await items.info()).embedder).toEqual(other)
  expect((await items.search([Float32Array.of(0, 1, 0)], 3))[0]).toMatchObject([{ id: 'b' }])
})

test('a gallery that is removed is none', async () => {
  const { folder, clock, items } = await known()
  await using _items = items
  await (await openGallery(folder, embedder, 'create'))[Symbol.asyncDispose]()
  clock.now += 5_000
  expect(await items.info()).toMatchObject({ embedder })
  await rm(folder, { recursive: true })
  expect(await items.info()).toMatchObject({ entries: 0, embedder: null })
})

test('labels that are not in the gallery are told, and none where there is no gallery', async () => {
  const { folder, clock, items } = await known()
  await using _items = items
  expect(await items.unknownLabels(['Cola'])).toEqual([])
  await using gallery = await openGallery(folder, embedder, 'create')
  await gallery.put([entry('Cola', query[0]!)])
  clock.now += 5_000
  expect(await items.unknownLabels(['Cola', 'Coal'])).toEqual([
    "no entry of the gallery has the label 'Coal'; did you mean 'Cola'?",
  ])
})

test('what was decided about a gallery is seen with its next revision, and forgotten with another gallery', async () => {
  const { folder, clock, items } = await known()
  await using _items = items
  expect(await items.rules(0)).toEqual({ items: {}, labels: {} })
  const rules = { threshold: 0.4, items: { a: 0.8 }, labels: {} }
  {
    await using gallery = await openGallery(folder, embedder, 'create')
    await gallery.put([entry('a', query[0]!)])
    await gallery.setRules(rules)
  }
  clock.now += 5_000
  expect(await items.rules((await items.info()).revision)).toEqual(rules)
  await rm(folder, { recursive: true })
  expect(await items.rules((await items.info()).revision)).toEqual({ items: {}, labels: {} })
})
