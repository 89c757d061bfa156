/** The embedded gallery: the contract, and what only a gallery on disk promises. */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { OpenMode } from '../../../../shared/gallery/gallery.ts'
import { openSqliteGallery } from '../../../../shared/gallery/sqlite/sqlite-gallery.ts'
import { embedder, entryOf, vectorOf } from '../../../harness/gallery/entries.ts'
import { galleryContract } from '../../../harness/gallery/gallery-contract.ts'

const newFolder = async (): Promise<string> => join(await mkdtemp(join(tmpdir(), 'sightline-')), 'gallery')
const open = (folder: string, mode: OpenMode = 'read', other = embedder) =>
  openSqliteGallery({ folder, embedder: other, mode })

galleryContract('SQLite', async () => open(await newFolder(), 'replace'))

test('keeps its entries and its revision when it is closed', async () => {
  const folder = await newFolder()
  {
    await using gallery = await open(folder, 'replace')
    await gallery.put([entryOf('a', 1), entryOf('b', 2)])
    await gallery.remove({ ids: ['a'] })
  }
  await using gallery = await open(folder)
  expect(await gallery.info()).toMatchObject({ entries: 1, items: 1, revision: 2 })
  expect((await gallery.search([vectorOf(2)], 1))[0]![0]!.id).toBe('b')
})

test('is made where there is none and left as it is where there is one, when asked to', async () => {
  const folder = await newFolder()
  {
    await using gallery = await open(folder, 'create')
    await gallery.put([entryOf('a', 1)])
  }
  await using gallery = await open(folder, 'create')
  expect(await gallery.info()).toMatchObject({ entries: 1 })
  await expect(open(folder, 'create', { ...embedder, sha256: 'cd'.repeat(32) })).rejects.toMatchObject({
    code: 'GALLERY_EMBEDDER',
  })
})

test('sees what another handle changes, without being opened again', async () => {
  const folder = await newFolder()
  await using writer = await open(folder, 'replace')
  await using reader = await open(folder)
  await writer.put([entryOf('a', 1), entryOf('b', 2), entryOf('c', 3)])
  expect((await reader.search([vectorOf(3)], 1))[0]![0]!.id).toBe('c')
  await writer.remove({ ids: ['a', 'c'] })
  await writer.put([entryOf('b', 9)])
  expect((await reader.search([vectorOf(9)], 9))[0]!.map(({ id }) => id)).toEqual(['b'])
  expect(await reader.info()).toMatchObject({ entries: 1, revision: 3 })
})

test('two writers lose nothing of each other', async () => {
  const folder = await newFolder()
  await using one = await open(folder, 'replace')
  await using two = await open(folder, 'write')
  await Promise.all(
    Array.from({ length: 20 }, (_, seed) => (seed % 2 === 0 ? one : two).put([entryOf(String(seed), seed)])),
  )
  expect(await one.info()).toMatchObject({ entries: 20, revision: 20 })
  expect(await two.info()).toMatchObject({ entries: 20, revision: 20 })
})

test('killed in the middle of a write, it has all that was acknowledged and opens again', async () => {
  const folder = await newFolder()
  await (await open(folder, 'replace'))[Symbol.asyncDispose]()
  const acknowledged = new Set<string>()
  const script = fileURLToPath(new URL('./writer.ts', import.meta.url))
  for (const round of [0, 1, 2]) {
    const child = spawn(process.execPath, [script, folder, String(round * 100_000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    const enough = Promise.withResolvers<void>()
    child.stdout.on('data', (chunk) => {
      text += String(chunk)
      if (text.split('\n').length > 20 + round * 7) enough.resolve()
    })
    await enough.promise
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
    for (const id of text.slice(0, text.lastIndexOf('\n')).split('\n')) acknowledged.add(id)
    await using gallery = await open(folder)
    const found = new Set<string>()
    for await (const { id } of gallery.list({})) found.add(id)
    expect([...acknowledged].filter((id) => !found.has(id))).toEqual([])
    // Three at a time, all or nothing.
    expect(found.size % 3).toBe(0)
    const last = Number([...acknowledged].at(-1))
    expect((await gallery.search([vectorOf(last)], 1))[0]![0]!.id).toBe(String(last))
  }
})

describe('another embedder', () => {
  const other = { name: 'other', sha256: 'cd'.repeat(32), dimension: 32 }

  test('is refused, with what to do', async () => {
    const folder = await newFolder()
    await (await open(folder, 'replace'))[Symbol.asyncDispose]()
    for (const mode of ['read', 'write'] as const) {
      await expect(open(folder, mode, other)).rejects.toMatchObject({
        code: 'GALLERY_EMBEDDER',
        message: expect.stringMatching(/holds vectors of probe.*loaded is other.*gallery build/),
      })
    }
  })

  test('starts empty when the gallery is replaced, and readers of the old one are told', async () => {
    const folder = await newFolder()
    await using old = await open(folder, 'replace')
    await old.put([entryOf('a', 1)])
    await using rebuilt = await open(folder, 'replace', other)
    expect(await rebuilt.info()).toMatchObject({ entries: 0, embedder: other })
    await expect(old.search([vectorOf(1)], 1)).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER' })
    await expect(old.put([entryOf('b', 1)])).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER' })
  })
})

describe('a folder that is no gallery', () => {
  test('because it is not there is told so, with what to do', async () => {
    for (const mode of ['read', 'write'] as const) {
      await expect(open(await newFolder(), mode)).rejects.toMatchObject({
        code: 'GALLERY_MISSING',
        message: expect.stringContaining('sightline gallery build'),
      })
    }
  })

  test('because it holds other files is left as it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(join(folder, 'holiday.jpg'), 'x')
    await expect(open(folder, 'replace')).rejects.toMatchObject({
      code: 'GALLERY_CORRUPT',
      message: expect.stringContaining('holiday.jpg'),
    })
    expect(await readdir(folder)).toEqual(['holiday.jpg'])
  })

  test.each([
    ['text', async (file: string) => writeFile(file, 'these are not the vectors')],
    ['cut short', async (file: string) => truncate(file, 6000)],
    ['overwritten in part', async (file: string) => writeFile(file, (await readFile(file)).fill(7, 4096, 20_000))],
    ['another database', async (file: string) => makeForeignDatabase(file)],
  ])('because its file is %s is told so', async (_name, spoil) => {
    const folder = await newFolder()
    {
      await using gallery = await open(folder, 'replace')
      await gallery.put(Array.from({ length: 50 }, (_, seed) => entryOf(String(seed), seed)))
    }
    await spoil(join(folder, 'gallery.sqlite'))
    await expect(open(folder)).rejects.toMatchObject({
      code: 'GALLERY_CORRUPT',
      message: expect.stringContaining(folder),
    })
  })
})

async function makeForeignDatabase(file: string): Promise<void> {
  const { DatabaseSync } = await import('node:sqlite')
  const { rm } = await import('node:fs/promises')
  await rm(file)
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE recipes (name TEXT)')
  database.close()
}

test('searching does not hold up the event loop', async () => {
  await using gallery = await open(await newFolder(), 'replace')
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
