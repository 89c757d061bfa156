/** The gallery commands as a user meets them: what fails leaves the gallery as it was, and says so. */
import { once } from 'node:events'
import { cp, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { openGallery } from '../../shared/gallery/open-gallery.ts'
import { type Finished, finish, runCli, startCli } from '../harness/cli.ts'
import { embedder } from '../harness/gallery/entries.ts'
import { product, writeProducts } from '../harness/pictures.ts'
import { startQdrantServer } from '../harness/qdrant-server.ts'
import { requireService } from '../harness/services.ts'

const canStart = (await requireService('qdrant-process')) !== undefined

let root: string
let labels: string
let original: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  labels = await writeProducts(root, 4)
  original = join(root, 'original.gallery')
  expect(await build(labels, original)).toMatchObject({ code: 0 })
})

const build = (list: string, gallery: string, ...more: readonly string[]): Promise<Finished> =>
  runCli('gallery', 'build', '--labels', list, '--root', root, '--gallery', gallery, ...more)
const add = (list: string, gallery: string, ...more: readonly string[]): Promise<Finished> =>
  runCli('gallery', 'add', '--labels', list, '--root', root, '--gallery', gallery, ...more)
const list = async (gallery: string): Promise<string> => (await runCli('gallery', 'list', '--gallery', gallery)).out

async function copyOf(gallery: string): Promise<string> {
  const copy = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
  await cp(gallery, copy, { recursive: true })
  return copy
}

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'sightline-')), name)
  await writeFile(file, content)
  return file
}

describe('a build of which nothing can be enrolled leaves the gallery and ends with 1', () => {
  test.each([
    ['an empty list', 'labels.txt', '', /lists no pictures/],
    ['a list parted by something else', 'labels.txt', 'p0.jpg|Oat\n', /line 1 is "p0\.jpg\|Oat"/],
    ['a list in Latin-1', 'labels.txt', Buffer.from('p0.jpg\tCaf\xe9\n', 'latin1'), /not UTF-8: line 1/],
    [
      'pictures that are not there',
      'labels.csv',
      'path,label\nx.jpg,Oat\ny.jpg,Tea\n',
      /none of 2 pictures could be enrolled; the gallery .* is as it was/,
    ],
    ['pictures that are none', 'labels.txt', 'labels.txt\tOat\n', /none of 1 pictures could be enrolled/],
  ])('%s', async (_name, name, content, message) => {
    const gallery = await copyOf(original)
    const before = await list(gallery)
    const { code, err } = await build(await write(name, content), gallery)
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(message) })
    expect(err).not.toMatch(/ {4}at /)
    expect(await list(gallery)).toBe(before)
  })

  test('and makes none where there was none', async () => {
    const gallery = join(root, 'never.gallery')
    const { code, err } = await build(await write('labels.txt', 'x.jpg\tOat\n'), gallery)
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('no gallery was made') })
    expect((await runCli('gallery', 'list', '--gallery', gallery)).err).toContain('there is no gallery')
  })

  test('nor replaces one of another embedder', async () => {
    const gallery = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    await (await openGallery(gallery, embedder, 'create'))[Symbol.asyncDispose]()
    expect(await build(await write('labels.txt', 'x.jpg\tOat\n'), gallery)).toMatchObject({ code: 1 })
    await (await openGallery(gallery, embedder))[Symbol.asyncDispose]()
    expect(await build(labels, gallery)).toMatchObject({ code: 0 })
    await expect(openGallery(gallery, embedder)).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER' })
  })
})

test('a build that may leave nothing out leaves the gallery where it would have to', async () => {
  const gallery = await copyOf(original)
  const before = await list(gallery)
  const mixed = await write('labels.txt', 'p0.jpg\tNew name\nmissing.jpg\tOat\n')
  expect(await build(mixed, gallery, '--strict')).toMatchObject({ code: 1, err: expect.stringContaining('--strict') })
  expect(await list(gallery)).toBe(before)
  expect(await build(mixed, gallery)).toMatchObject({ code: 0 })
  expect(await list(gallery)).toBe('p0.jpg\tNew name\tNew name\n')
})

test('a gallery’s own threshold decides what is recognized in it', async () => {
  const gallery = await copyOf(original)
  expect(await build(labels, gallery, '--threshold', '0.999')).toMatchObject({ code: 0 })
  const recognized = await runCli('recognize', '--json', '--gallery', gallery, join(root, 'p0.jpg'))
  expect(JSON.parse(recognized.out).thresholds).toMatchObject({ recognition: 0.999 })
  expect(await build(labels, gallery, '--threshold', '2')).toMatchObject({ code: 2 })
})

test('a CSV list with a header, quotes and other spellings of one path is read', async () => {
  const gallery = await copyOf(original)
  const csv = await write(
    'labels.csv',
    `path,label\r\n./p0.jpg,"Oat, rolled"\r\n${join(root, 'p1.jpg')},"Tea ""Green"""\r\n`,
  )
  expect(await build(csv, gallery)).toMatchObject({ code: 0 })
  expect(await list(gallery)).toBe('p0.jpg\tOat, rolled\tOat, rolled\np1.jpg\tTea "Green"\tTea "Green"\n')
  await runCli('gallery', 'remove', '--gallery', gallery, '--id', './p0.jpg')
  expect(await list(gallery)).toBe('p1.jpg\tTea "Green"\tTea "Green"\n')
})

test('a picture that becomes another item’s by being added is told', async () => {
  const gallery = await copyOf(original)
  const moved = await write('labels.txt', 'sub/../p0.jpg\tTea\n')
  const { code, err, out } = await add(moved, gallery)
  expect({ code, err }).toEqual({ code: 0, err: 'replaced 1 picture of another item: p0.jpg Product 0 → Tea\n' })
  expect(out).toContain('1 pictures added (1 embedded before), 4 pictures of 4 items')
  const again = await add(await write('labels.txt', 'p0.jpg\tOat\toat-1\n'), gallery, '--json')
  expect(again.json()[0]).toMatchObject({
    replaced: [{ path: 'p0.jpg', from: { item: 'Tea', label: 'Tea' }, to: { item: 'oat-1', label: 'Oat' } }],
  })
  const same = await add(await write('labels.txt', 'p0.jpg\tOats\toat-1\n'), gallery, '--json')
  expect(same.json()[0]).not.toHaveProperty('replaced')
})

test('what was embedded from the same bytes is not embedded again, and a changed picture is', async () => {
  const gallery = await copyOf(original)
  expect((await build(labels, gallery)).out).toContain('4 pictures added (4 embedded before)')
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  await cp(root, folder, { recursive: true })
  await writeFile(join(folder, 'p2.jpg'), await product(9))
  const args = ['--labels', labels, '--root', folder, '--gallery', gallery, '--json']
  expect((await runCli('gallery', 'build', ...args)).json()[0]).toMatchObject({ added: 4, reused: 3, entries: 4 })
})

/** Enough pictures that a build is still at work when it is disturbed. */
async function manyPictures(): Promise<string> {
  const lines: string[] = []
  for (let number = 0; number < 400; number += 1) {
    await writeFile(join(root, `m${number}.jpg`), await product(number % 40))
    lines.push(`m${number}.jpg\tMany ${number}\n`)
  }
  return write('many.txt', lines.join(''))
}

const places: readonly (readonly [
  name: string,
  url: () => Promise<{ readonly location: string } & AsyncDisposable>,
])[] = [
  ['on disk', async () => ({ location: await copyOf(original), [Symbol.asyncDispose]: async () => undefined })],
  [
    'in Qdrant',
    async () => {
      const server = await startQdrantServer()
      const location = `${server.url}/g`
      expect(await build(labels, location)).toMatchObject({ code: 0 })
      return { location, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
    },
  ],
]

describe.each(places.filter(([name]) => canStart || name === 'on disk'))('a gallery %s', (_name, place) => {
  test('of two builds at once one wins and the other is told; stopped, killed and run again it goes on', {
    timeout: 180_000,
  }, async () => {
    await using at = await place()
    const { location } = at
    const many = await manyPictures()
    const before = await list(location)

    const begin = () => startCli('gallery', 'build', '--labels', many, '--root', root, '--gallery', location)
    let first = begin()
    let finished = finish(first)
    await sleep(1_000)
    // It holds the gallery, and does not end before the others have tried.
    first.kill('SIGSTOP')
    let second = await build(labels, location)
    while (second.code === 0) {
      // It came before the first.
      first.kill('SIGKILL')
      await finished
      first = begin()
      finished = finish(first)
      await sleep(2_000)
      first.kill('SIGSTOP')
      second = await build(labels, location)
    }
    expect(second).toMatchObject({
      code: 1,
      err: expect.stringMatching(/another one writes to .* process \d+ on .*, since .*; wait/),
    })
    expect(await add(labels, location)).toMatchObject({
      code: 1,
      err: expect.stringContaining('another one writes to'),
    })
    expect(await list(location)).toBe(before)
    first.kill('SIGCONT')
    for (let [done, patience] = [0, 1_000]; done < 64; patience *= 1.5) {
      await sleep(patience)
      first.kill('SIGINT')
      const { code, err } = await finished
      const stopped = /stopped after (\d+) of 400 pictures; the gallery .* is as it was/.exec(err)
      // On a busy machine a process may not even have begun to listen.
      if (code !== null) expect({ code, err }).toEqual({ code: 1, err: stopped?.input })
      done = Number(stopped?.[1] ?? 0)
      if (done >= 64) continue
      first = begin()
      finished = finish(first)
    }
    expect(await list(location)).toBe(before)

    const killed = begin()
    const gone = once(killed, 'exit')
    await sleep(1_200)
    killed.kill('SIGKILL')
    await gone
    // It may have been done already: the old gallery or the new one, never some of both.
    const after = await list(location)
    if (after !== before) expect(after.split('\n')).toHaveLength(401)

    let last = await build(many, location, '--json')
    while (last.code !== 0 && last.err.includes('another one writes to')) {
      await sleep(1_000)
      last = await build(many, location, '--json')
    }
    expect(last.json()[0]).toMatchObject({ added: 400, entries: 400 })
    expect(Number(last.json()[0]!['reused'])).toBeGreaterThanOrEqual(32)
    expect((await list(location)).split('\n')).toHaveLength(401)
  })
})
