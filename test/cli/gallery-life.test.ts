/** The life of a gallery on the command line: parts and metadata in, looked at, checked, taken out, moved to another place. */
import { cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { openGallery } from '../../shared/gallery/open-gallery.ts'
import { runCli } from '../harness/cli.ts'
import { embedder, entryOf } from '../harness/gallery/entries.ts'
import { product } from '../harness/pictures.ts'
import { startQdrantServer } from '../harness/qdrant-server.ts'
import { requireService } from '../harness/services.ts'

const canStart = (await requireService('qdrant-process')) !== undefined

let root: string
let original: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  const [left, right] = [await product(0), await product(1)]
  // A shelf with two products side by side, and each of them alone.
  const shelf = sharp({ create: { width: 640, height: 240, channels: 3, background: '#000' } })
  const parts = [
    { input: left, left: 0, top: 0 },
    { input: right, left: 320, top: 0 },
  ]
  await writeFile(join(root, 'shelf.png'), await shelf.composite(parts).png().toBuffer())
  for (const number of [0, 1, 2]) await writeFile(join(root, `p${number}.jpg`), await product(number))
  await writeFile(join(root, 'broken.jpg'), 'no picture')
  original = join(root, 'original.gallery')
  const { code, err } = await build(original, [
    { path: 'shelf.png', label: 'Zero', box: [0, 0, 320, 240], metadata: { store: 12, camera: 'a' } },
    { path: 'shelf.png', label: 'One', box: [320, 0, 640, 240], metadata: { store: 12, camera: 'b' } },
    { path: 'p2.jpg', label: 'Two \u{1F9C3}', item: 'two', metadata: { store: '13' } },
    { path: 'broken.jpg', label: 'Broken' },
  ])
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^broken\.jpg: IMAGE_UNREADABLE: .*skipped\n$/) })
})

async function list(lines: readonly unknown[]): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'list.jsonl')
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'))
  return file
}
const fill = async (what: string, gallery: string, lines: readonly unknown[], ...more: readonly string[]) =>
  runCli('gallery', what, '--labels', await list(lines), '--root', root, '--gallery', gallery, ...more)
const build = (gallery: string, lines: readonly unknown[]) => fill('build', gallery, lines)
const on = (gallery: string, command: string, ...more: readonly string[]) =>
  runCli('gallery', command, ...more, '--gallery', gallery)

async function copyOf(gallery: string): Promise<string> {
  const copy = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
  await cp(gallery, copy, { recursive: true })
  return copy
}

test('a part of a picture is enrolled as if it were cut out, and found as such', async () => {
  const shown = (await on(original, 'show', 'One', '--json')).json()[0]
  expect(shown).toMatchObject({
    item: 'One',
    pictures: [{ id: 'shelf.png#xywh=320,0,320,240', metadata: { store: 12, camera: 'b', box: [320, 0, 640, 240] } }],
  })
  const seen = (await runCli('recognize', '--json', '--gallery', original, join(root, 'p1.jpg'))).json()[0]!
  expect(seen['objects']).toMatchObject([{ item: 'One', margin: expect.any(Number) }])
  expect(seen['objects']![0]).not.toHaveProperty('probability')
})

test('one that is there already is not embedded again, nor enrolled twice under another name', async () => {
  const gallery = await copyOf(original)
  await writeFile(join(root, 'renamed.jpg'), await readFile(join(root, 'p2.jpg')))
  const again = [
    { path: 'p2.jpg', label: 'Two \u{1F9C3}', item: 'two', metadata: { store: '13' } },
    { path: 'renamed.jpg', label: 'Two \u{1F9C3}', item: 'two' },
  ]
  const { code, out, err } = await fill('add', gallery, again, '--json')
  expect({ code, told: JSON.parse(out) }).toMatchObject({
    code: 0,
    told: { added: 1, reused: 1, entries: 3, revision: 1, repeated: [{ path: 'renamed.jpg', twin: { id: 'p2.jpg' } }] },
  })
  expect(err).toBe('left out 1 picture whose very bytes are there already: renamed.jpg = p2.jpg\n')
  const other = await fill('add', gallery, [{ path: 'renamed.jpg', label: 'Other' }])
  expect(other).toMatchObject({ code: 0, out: expect.stringContaining('4 pictures of 4 items') })
  expect(other.err).toContain('one of which is wrong: renamed.jpg (Other) = p2.jpg (Two \u{1F9C3})')
})

test('new metadata of a picture that is there is taken over', async () => {
  const gallery = await copyOf(original)
  await fill('add', gallery, [{ path: 'p2.jpg', label: 'Two', item: 'two', metadata: { store: 14 } }])
  expect((await on(gallery, 'show', 'two', '--json')).json()[0]).toMatchObject({
    label: 'Two',
    pictures: [{ metadata: { store: 14, sha256: expect.any(String) } }],
  })
})

test('a box outside of its picture is told, and the others of it are enrolled', async () => {
  const gallery = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
  const { code, err, out } = await build(gallery, [
    { path: 'shelf.png', label: 'Far', box: [700, 0, 900, 240] },
    { path: 'shelf.png', label: 'Over', box: [-50, -50, 320, 240] },
    { path: 'shelf.png', label: 'Whole' },
  ])
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('2 pictures of 2 items') })
  expect(err).toContain('shelf.png#xywh=700,0,200,240 has 0 × 240 pixels')
})

test('remove takes out what is selected, and with --dry-run says so first', async () => {
  const gallery = await copyOf(original)
  const dry = async (...flags: readonly string[]) =>
    (await on(gallery, 'remove', '--dry-run', '--json', ...flags)).json()
  expect(await dry('--where', 'store=12')).toEqual([{ wouldRemove: { pictures: 2, items: 2 } }])
  expect(await dry('--where', 'store=12', '--where', 'store=13')).toEqual([{ wouldRemove: { pictures: 3, items: 3 } }])
  expect(await dry('--where', 'store=13', '--item', 'two')).toEqual([{ wouldRemove: { pictures: 1, items: 1 } }])
  expect(await dry('--id', 'shelf.png#xywh=0,0,320,240')).toEqual([{ wouldRemove: { pictures: 1, items: 1 } }])
  expect(await on(gallery, 'remove', '--dry-run', '--item', 'nobody')).toMatchObject({ code: 1 })
  const done = await on(gallery, 'remove', '--json', '--where', 'store=12', '--where', 'camera=b')
  expect({ code: done.code, ...done.json()[0] }).toMatchObject({ code: 0, removed: 1, entries: 2 })
  for (const flags of [['--where', 'store'], ['--where', 'a"b=1'], []]) {
    expect(await on(gallery, 'remove', ...flags)).toMatchObject({ code: 2 })
  }
}, 120_000)

test('a threshold that is kept with the gallery decides in every run, an item’s own before it', async () => {
  const gallery = await copyOf(original)
  const seen = async () => (await runCli('recognize', '--json', '--gallery', gallery, join(root, 'p1.jpg'))).json()[0]!
  expect(await on(gallery, 'threshold', '0.999')).toMatchObject({
    code: 0,
    out: expect.stringContaining('0.999, of the gallery'),
  })
  expect(await seen()).toMatchObject({ thresholds: { recognition: 0.999 }, objects: [{ item: null }] })
  const set = await on(gallery, 'threshold', '0.4', '--item', 'One', '--item', 'nobody')
  expect(set).toMatchObject({ code: 0, err: "no picture is of the item 'nobody' yet\n" })
  expect((await seen())['objects']).toMatchObject([{ item: 'One' }])
  await on(gallery, 'threshold', 'none')
  expect(await seen()).not.toMatchObject({ thresholds: { recognition: 0.999 } })
  expect((await on(gallery, 'threshold', '--json')).json()[0]).toEqual({ items: { One: 0.4, nobody: 0.4 }, labels: {} })
  expect(await on(gallery, 'threshold', '2')).toMatchObject({ code: 2 })
})

test('check finds a wrong label, writes the page with its pictures, and saves what it suggests', async () => {
  const pictures = join(root, 'many')
  await mkdir(pictures, { recursive: true })
  const lines: unknown[] = []
  for (let number = 0; number < 8; number += 1) {
    for (const [turn, ground] of ['#b8b2a7', '#9fa8a3', '#c9c0b0', '#8f8f8f'].entries()) {
      const path = `many/${number}-${turn}.jpg`
      await writeFile(join(root, path), await product(number, { ground, width: 300 + 9 * turn }))
      const isWrong = number === 3 && turn === 1
      lines.push({ path, label: `Product ${isWrong ? 5 : number} <b>` })
    }
  }
  const gallery = join(root, 'many.gallery')
  expect(await build(gallery, lines)).toMatchObject({ code: 0 })
  const page = join(root, 'out', 'check.html')
  const flags = ['--report', page, '--root', root, '--save-thresholds', '--save-calibration', '--strict', '--json']
  const { code, err, ...found } = await on(gallery, 'check', ...flags)
  const check = found.json()[0]! as unknown as { doubtful: unknown[]; thresholds: { suggested: { threshold: number } } }
  expect({ code, check }).toMatchObject({ code: 1, check: { doubtful: [{ picture: { id: 'many/3-1.jpg' } }] } })
  expect(err).toContain(`saved: the threshold ${check.thresholds.suggested.threshold}`)
  const text = await readFile(page, 'utf8')
  expect(text).toContain('data:image/jpeg;base64,')
  expect(text).toContain('Product 5 &lt;b&gt;')
  expect(text).not.toContain('<b>Product 5 <b>')
  const one = await on(gallery, 'check', 'Product 3 <b>')
  expect(one).toMatchObject({ code: 0, out: expect.stringMatching(/^Product 3 <b> .*: (not )?enough/) })
  expect(await on(gallery, 'check', 'nobody')).toMatchObject({
    code: 1,
    err: expect.stringContaining("is of 'nobody'"),
  })
  // Told of pictures as a camera takes them, it is not so strict as by the gallery's own.
  const shot = (number: number) => ({ path: `many/${number}-shot.jpg`, label: `Product ${number} <b>` })
  for (let number = 0; number < 8; number += 1) {
    await writeFile(join(root, `many/${number}-shot.jpg`), await product(number, { ground: '#777', width: 420 }))
  }
  const queries = await list([
    ...Array.from({ length: 8 }, (_, number) => shot(number)),
    { path: 'broken.jpg', label: 'x' },
  ])
  const asked = await on(gallery, 'check', '--queries', queries, '--root', root, '--json')
  expect(asked).toMatchObject({ code: 0, err: expect.stringContaining('broken.jpg: IMAGE_UNREADABLE') })
  const told = asked.json()[0]! as unknown as { asked: number; thresholds: { suggested: { threshold: number } } }
  expect(told.asked).toBe(8)
  expect(told.thresholds.suggested.threshold).toBeLessThan(check.thresholds.suggested.threshold)
  const seen = (await runCli('recognize', '--json', '--gallery', gallery, join(root, 'many/1-2.jpg'))).json()[0]!
  expect(seen).toMatchObject({ thresholds: { recognition: check.thresholds.suggested.threshold } })
  expect(seen['objects']![0]!['probability']).toBeLessThanOrEqual(1)
}, 120_000)

describe('export and import', () => {
  let exported: string

  beforeAll(async () => {
    const file = join(root, 'whole.jsonl')
    expect(await on(original, 'export', file)).toMatchObject({ code: 0 })
    exported = await readFile(file, 'utf8')
  }, 120_000)

  test('carry everything over: vectors, ids, labels, metadata and thresholds', async () => {
    const before = await copyOf(original)
    await on(before, 'threshold', '0.7', '--label', 'One')
    const file = join(root, 'moved.jsonl.gz')
    expect(await on(before, 'export', file)).toMatchObject({ code: 0, out: `${file}: 3 pictures\n` })
    const after = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    expect(await on(after, 'import', file)).toMatchObject({ code: 0 })
    for (const command of ['list', 'threshold']) {
      expect((await on(after, command, '--json')).out).toBe((await on(before, command, '--json')).out)
    }
    const again = join(root, 'again.jsonl')
    await on(before, 'export', join(root, 'before.jsonl'))
    await on(after, 'export', again)
    const lines = async (path: string) => (await readFile(path, 'utf8')).split('\n').slice(1)
    expect(await lines(again)).toEqual(await lines(join(root, 'before.jsonl')))
  }, 120_000)

  test('adds to what is there with --add, else replaces it', async () => {
    const file = join(root, 'three.jsonl')
    await on(original, 'export', file)
    const gallery = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    await build(gallery, [{ path: 'p0.jpg', label: 'Mine' }])
    expect((await on(gallery, 'import', file, '--add', '--json')).json()).toEqual([
      { gallery, imported: 3, entries: 4, items: 4 },
    ])
    expect((await on(gallery, 'import', file, '--json')).json()).toMatchObject([{ entries: 3, items: 3 }])
  })

  test('a damaged file changes nothing', async () => {
    const gallery = await copyOf(original)
    const file = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g.jsonl')
    await writeFile(file, exported.replace('"Zero"', '"Zoro"'))
    for (const flags of [[], ['--add']]) {
      expect(await on(gallery, 'import', file, ...flags)).toMatchObject({ code: 1 })
      expect((await on(gallery, 'list')).out).toBe((await on(original, 'list')).out)
    }
  }, 120_000)

  test('a file of another embedder is refused in so many words', async () => {
    const folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    {
      await using gallery = await openGallery(folder, embedder, 'create')
      await gallery.put([entryOf('a', 1)])
    }
    const file = join(root, 'foreign.jsonl')
    // To be exported it needs no models of its own.
    expect(await on(folder, 'export', file)).toMatchObject({ code: 0 })
    const { code, err } = await on(join(root, 'new.gallery'), 'import', file)
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/holds vectors of probe .* in use is .*--models/),
    })
  })

  test.skipIf(!canStart)(
    'moves a gallery from a folder into a Qdrant and back, the same in every command',
    async () => {
      await using server = await startQdrantServer()
      const there = `${server.url}/moved`
      const [out, back] = [join(root, 'out.jsonl'), join(root, 'back.jsonl')]
      const mine = await copyOf(original)
      await on(mine, 'threshold', '0.8', '--item', 'two')
      await on(mine, 'export', out)
      expect(await on(there, 'import', out)).toMatchObject({ code: 0 })
      expect((await on(there, 'list', '--json')).out).toBe((await on(mine, 'list', '--json')).out)
      expect((await on(there, 'threshold', '--json')).out).toBe((await on(mine, 'threshold', '--json')).out)
      expect((await on(there, 'stats')).out).toContain('3 pictures of 3 items')
      expect(await on(there, 'check', '--json')).toMatchObject({ code: 0 })
      expect((await on(there, 'remove', '--where', 'store=12', '--dry-run')).out).toBe(
        '2 pictures of 2 items would be removed\n',
      )
      await on(there, 'export', back)
      const lines = async (path: string) => (await readFile(path, 'utf8')).trim().split('\n').slice(1, -1)
      const [first, second] = [await lines(out), await lines(back)].map((some) => some.map((line) => JSON.parse(line)))
      expect(second!.map(({ vector: _, ...entry }) => entry)).toEqual(first!.map(({ vector: _, ...entry }) => entry))
    },
  )
})
