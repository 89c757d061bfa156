/** A gallery as one file: what is read is what was written, and a damaged file is told, at its end at the latest. */
import { mkdtemp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { readGalleryFile, readGalleryFileHead, writeGalleryFile } from '../../pipeline/gallery-file.ts'
import { openGallery } from '../../shared/gallery/open-gallery.ts'
import { embedder, entryOf } from '../harness/gallery/entries.ts'

const rules = { threshold: 0.5, items: { 'item-1': 0.7 }, labels: {} }
const label = `\u{1F9C3}\t${'long '.repeat(2_000)}`
const entries = Array.from({ length: 600 }, (_, seed) =>
  entryOf(String(seed).padStart(4, '0'), seed, { label, metadata: { seed, tags: ['a'], deep: { x: null } } }),
)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  await using gallery = await openGallery(join(folder, 'gallery'), embedder, 'create')
  await gallery.put(entries)
  await gallery.setRules(rules)
  for (const name of ['g.jsonl', 'g.jsonl.gz']) expect(await writeGalleryFile(gallery, join(folder, name))).toBe(600)
})

async function entriesOf(file: string) {
  const all = []
  for await (const some of readGalleryFile(file)) all.push(...some)
  return all
}

test.each(['g.jsonl', 'g.jsonl.gz'])('%s holds all that the gallery does', async (name) => {
  const file = join(folder, name)
  expect(await readGalleryFileHead(file)).toEqual({ embedder, entries: 600, items: 600, rules })
  expect(await entriesOf(file)).toEqual(entries)
  expect((await readdir(folder)).filter((one) => one.endsWith('.new'))).toEqual([])
})

const lines = async (file: string, change: (all: string[]) => string[]): Promise<void> =>
  writeFile(file, change((await readFile(file, 'utf8')).split('\n')).join('\n'))

test.each([
  ['cut short within a line', (file: string) => truncate(file, 4_000), /line 2 is no JSON/],
  ['cut short at a line', (file: string) => lines(file, (all) => all.slice(0, 300)), /ends after 299 of 600 pictures/],
  [
    'without a picture',
    (file: string) => lines(file, (all) => all.toSpliced(7, 1)),
    /not those that it was written with/,
  ],
  [
    'with a letter changed',
    (file: string) => lines(file, (all) => all.with(9, all[9]!.replace('deep', 'keep'))),
    /not those/,
  ],
  [
    'with something else in it',
    (file: string) => lines(file, (all) => all.toSpliced(5, 0, '{}')),
    /line 6 is no picture/,
  ],
  [
    'of a later format',
    (file: string) => lines(file, (all) => all.with(0, all[0]!.replace(/y":1/, 'y":2'))),
    /the format 2/,
  ],
  ['that is a label file', (file: string) => writeFile(file, 'a.jpg\tCola\n'), /no JSON/],
  ['that is other JSON', (file: string) => writeFile(file, '{"a": 1}\n'), /not what 'sightline gallery export' writes/],
  ['that is empty', (file: string) => writeFile(file, ''), /ends after 0|is empty/],
])('a file %s is told', async (_what, damage, message) => {
  const file = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g.jsonl')
  await writeFile(file, await readFile(join(folder, 'g.jsonl')))
  await damage(file)
  await expect(entriesOf(file)).rejects.toMatchObject({
    code: 'GALLERY_CORRUPT',
    message: expect.stringMatching(message),
  })
})

test('a packed file that was cut short, or is not packed, is told', async () => {
  const file = join(folder, 'short.jsonl.gz')
  await writeFile(file, (await readFile(join(folder, 'g.jsonl.gz'))).subarray(0, 20_000))
  await expect(entriesOf(file)).rejects.toMatchObject({ code: 'GALLERY_CORRUPT' })
  await writeFile(file, await readFile(join(folder, 'g.jsonl')))
  await expect(entriesOf(file)).rejects.toMatchObject({ code: 'GALLERY_CORRUPT' })
  await expect(entriesOf(join(folder, 'nobody.jsonl.gz'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
})
