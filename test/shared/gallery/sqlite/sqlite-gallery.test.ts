/** The embedded gallery: the contract, and what only a gallery on disk promises. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { openGallery, openGalleryBuild } from '../../../../shared/gallery/open-gallery.ts'
import { embedder, entryOf, vectorOf } from '../../../harness/gallery/entries.ts'
import { galleryContract } from '../../../harness/gallery/gallery-contract.ts'
import { requireService } from '../../../harness/services.ts'
import { mountSmallDisk } from '../../../harness/small-disk.ts'

const newFolder = async (): Promise<string> => join(await mkdtemp(join(tmpdir(), 'sightline-')), 'gallery')

galleryContract({
  name: 'SQLite',
  newLocation: newFolder,
  occupy: async (folder) => {
    await mkdir(folder)
    await writeFile(join(folder, 'holiday.jpg'), 'x')
    return () => readdir(folder)
  },
  destroy: (folder) => rm(folder, { recursive: true }),
})

describe('a folder that is no gallery', () => {
  test('because it holds other files names some of them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(join(folder, 'holiday.jpg'), 'x')
    await expect(openGallery(folder, embedder, 'create')).rejects.toMatchObject({
      code: 'GALLERY_CORRUPT',
      message: expect.stringContaining('holiday.jpg'),
    })
  })

  test.each([
    ['text', async (file: string) => writeFile(file, 'these are not the vectors')],
    ['empty', async (file: string) => truncate(file, 0)],
    ['cut short', async (file: string) => truncate(file, 6000)],
    ['overwritten in part', async (file: string) => writeFile(file, (await readFile(file)).fill(7, 4096, 20_000))],
    ['another database', async (file: string) => makeForeignDatabase(file)],
  ])('because its file is %s is told so, and no build destroys what may be mended', async (_name, spoil) => {
    const folder = await newFolder()
    {
      await using gallery = await openGallery(folder, embedder, 'create')
      await gallery.put(Array.from({ length: 50 }, (_, seed) => entryOf(String(seed), seed)))
    }
    const file = join(folder, 'gallery.sqlite')
    await spoil(file)
    const bytes = await readFile(file)
    const refused = { code: 'GALLERY_CORRUPT', message: expect.stringContaining(folder) }
    await expect(openGallery(folder, embedder)).rejects.toMatchObject(refused)
    await using build = await openGalleryBuild(folder, embedder).catch(() => null)
    await expect(build?.publish() ?? openGallery(folder, embedder)).rejects.toMatchObject(refused)
    expect((await readFile(file)).equals(bytes)).toBe(true)
  })
})

async function makeForeignDatabase(file: string): Promise<void> {
  await rm(file)
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE recipes (name TEXT)')
  database.close()
}

test('a build leaves nothing beside the gallery once it is published, and nothing where nothing was put', async () => {
  const folder = await newFolder()
  for (const entries of [[entryOf('a', 1)], []]) {
    await using build = await openGalleryBuild(folder, embedder)
    await build.draft.put(entries)
    if (entries.length > 0) await build.publish()
  }
  expect((await readdir(folder)).filter((name) => !name.startsWith('gallery.sqlite'))).toEqual(['writer.lock'])
})

test('a publication changes only the rows that differ', async () => {
  const folder = await newFolder()
  const publish = async (...entries: Parameters<typeof entryOf>[]) => {
    await using build = await openGalleryBuild(folder, embedder)
    await build.draft.put(entries.map((one) => entryOf(...one)))
    await build.publish()
  }
  const revisions = () => {
    const database = new DatabaseSync(join(folder, 'gallery.sqlite'))
    const rows = database.prepare('SELECT id, revision FROM entries ORDER BY id').all()
    database.close()
    return rows.map(({ id, revision }) => `${id} ${revision}`)
  }
  await publish(['a', 1], ['b', 2], ['c', 3])
  await publish(['a', 1], ['b', 9], ['d', 4])
  expect(revisions()).toEqual(['a 1', 'b 2', 'd 2'])
})

test('what a writer that was killed left of a new gallery is no gallery, and in nobody’s way', async () => {
  const folder = await newFolder()
  await mkdir(folder)
  await writeFile(join(folder, 'gallery.sqlite.new'), 'half of it')
  await expect(openGallery(folder, embedder)).rejects.toMatchObject({ code: 'GALLERY_MISSING' })
  await using gallery = await openGallery(folder, embedder, 'create')
  expect(await gallery.info()).toMatchObject({ entries: 0 })
})

test('a draft that was damaged is begun anew', async () => {
  const folder = await newFolder()
  {
    await using build = await openGalleryBuild(folder, embedder)
    await build.draft.put([entryOf('a', 1)])
  }
  await writeFile(join(folder, 'draft', 'gallery.sqlite'), 'rubbish')
  await using build = await openGalleryBuild(folder, embedder)
  expect(await build.draft.info()).toMatchObject({ entries: 0 })
})

const canMount = (await requireService('small-disk')) !== undefined

test.skipIf(!canMount)('a full disk leaves the gallery as it was, and the draft to go on with', async () => {
  await using disk = await mountSmallDisk(2_000)
  const folder = join(disk.path, 'gallery')
  {
    await using gallery = await openGallery(folder, embedder, 'create')
    await gallery.put([entryOf('old', 1)])
  }
  const some = (round: number) => Array.from({ length: 200 }, (_, seed) => entryOf(`${round}-${seed}`, seed))
  {
    await using build = await openGalleryBuild(folder, embedder)
    const filling = (async () => {
      for (let round = 0; round < 100; round += 1) await build.draft.put(some(round))
    })()
    await expect(filling).rejects.toMatchObject({ code: 'GALLERY_UNAVAILABLE', message: expect.stringMatching(/full/) })
    await expect(build.publish()).rejects.toMatchObject({ code: 'GALLERY_UNAVAILABLE' })
  }
  await using gallery = await openGallery(folder, embedder)
  expect(await gallery.info()).toMatchObject({ entries: 1, revision: 1 })
  expect((await gallery.search([vectorOf(1)], 1))[0]![0]!.id).toBe('old')
  expect(existsSync(join(folder, 'draft'))).toBe(true)
})

test('searching does not hold up the event loop', async () => {
  await using gallery = await openGallery(await newFolder(), embedder, 'create')
  await gallery.put(Array.from({ length: 3000 }, (_, seed) => entryOf(String(seed), seed)))
  let ticks = 0
  const timer = setInterval(() => (ticks += 1), 1)
  await gallery.search(
    Array.from({ length: 400 }, (_, seed) => vectorOf(seed)),
    50,
  )
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(5)
})
