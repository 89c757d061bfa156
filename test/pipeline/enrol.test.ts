/** Pictures into a gallery: each file is read once, nothing is enrolled twice, and no bad one costs another. */
import { copyFile, mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { enrol } from '../../pipeline/enrol.ts'
import { fragmentOf, type Part } from '../../pipeline/enrolled-file.ts'
import type { EmbedInput, EmbedOutput } from '../../services/embedder/embed-task.ts'
import { openGallery } from '../../shared/gallery/open-gallery.ts'
import type { Session } from '../../shared/inference/session.ts'

const embedder = { name: 'colours', sha256: 'ef'.repeat(32), dimension: 3 }

/** An embedder that looks at the mean colour only, and counts what it is asked. */
function colours() {
  const sizes: string[] = []
  const session = {
    submit: async ({ pixels: { data, width, height } }: EmbedInput): Promise<EmbedOutput> => {
      sizes.push(`${width}x${height}`)
      const sums = [1, 1, 1]
      for (const [index, value] of data.entries()) sums[index % 3]! += value
      const length = Math.hypot(...sums)
      return Float32Array.from(sums, (sum) => sum / length)
    },
  } as unknown as Session<EmbedInput, EmbedOutput>
  return { sizes, session }
}

async function world() {
  const root = await mkdtemp(join(tmpdir(), 'sightline-'))
  const gallery = await openGallery(join(root, 'gallery'), embedder, 'create')
  const paint = async (name: string, background: string) => {
    const picture = sharp({ create: { width: 60, height: 40, channels: 3, background } })
    await writeFile(join(root, name), await picture.png().toBuffer())
  }
  const listed = (path: string, item: string, box?: Part['box']) => {
    const part = box && ({ box, unit: 'pixel' } as const)
    const id = path + (part === undefined ? '' : fragmentOf(part))
    return { path: id, file: join(root, path), label: item, item, ...(part && { part }) }
  }
  const { session, sizes } = colours()
  const put = (...pictures: ReturnType<typeof listed>[]) => enrol(gallery, { pictures, session })
  const ids = async () => {
    const found: string[] = []
    for await (const { id, item } of gallery.list({})) found.push(`${id} ${item}`)
    return found
  }
  return { root, gallery, paint, listed, put, ids, sizes }
}

test('the boxes of a file are cut out of it, each an entry, with the whole beside them', async () => {
  const { gallery, root, listed, put, sizes } = await world()
  await using _gallery = gallery
  const halves = sharp({ create: { width: 60, height: 40, channels: 3, background: '#f00' } }).composite([
    { input: { create: { width: 30, height: 40, channels: 3, background: '#00f' } }, left: 30, top: 0 },
  ])
  await writeFile(join(root, 'a.png'), await halves.png().toBuffer())
  const made = await put(
    listed('a.png', 'red', [0, 0, 30, 40]),
    listed('a.png', 'blue', [30, 0, 90, 40]),
    listed('a.png', 'both'),
    listed('a.png', 'none', [60, 0, 90, 40]),
  )
  expect(made).toMatchObject({ added: 3, unreadable: [{ code: 'IMAGE_UNREADABLE' }] })
  expect(sizes.toSorted()).toEqual(['30x40', '30x40', '60x40'])
  const [red] = (await gallery.search([Float32Array.of(1, 0, 0)], 1))[0]!
  expect(red).toMatchObject({ item: 'red', score: expect.closeTo(1, 3) })
  expect((await gallery.get(['a.png#xywh=30,0,60,40']))[0]?.metadata).toMatchObject({ box: [30, 0, 60, 40] })
})

test('the same bytes of one item are enrolled once, of two items twice, and both are told', async () => {
  const { gallery, root, paint, listed, put, ids, sizes } = await world()
  await using _gallery = gallery
  await paint('a.png', '#f00')
  for (const name of ['b.png', 'c.png', 'd.png']) await copyFile(join(root, 'a.png'), join(root, name))
  const made = await put(listed('a.png', 'red'), listed('b.png', 'red'), listed('c.png', 'blue'))
  expect(made.repeated.map(({ path, twin }) => `${path} ${twin.id}`)).toEqual(['b.png a.png', 'c.png a.png'])
  expect(await ids()).toEqual(['a.png red', 'c.png blue'])
  expect((await put(listed('d.png', 'blue'))).repeated).toMatchObject([{ path: 'd.png', twin: { id: 'c.png' } }])
  expect(await ids()).toHaveLength(2)
  // Nothing of it was embedded again.
  expect(sizes.length).toBeLessThanOrEqual(2)
})

test('no picture is left out for one that becomes another', async () => {
  const { gallery, root, paint, listed, put, ids } = await world()
  await using _gallery = gallery
  await paint('a.png', '#f00')
  await put(listed('a.png', 'red'))
  await rename(join(root, 'a.png'), join(root, 'b.png'))
  await paint('a.png', '#e00')
  await put(listed('b.png', 'red'), listed('a.png', 'red'))
  expect(await ids()).toEqual(['a.png red', 'b.png red'])
})

test('pictures that can’t be read cost no other one, and keep what they were', async () => {
  const { gallery, root, paint, listed, put, ids } = await world()
  await using _gallery = gallery
  const names = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(3, '0')}.png`)
  for (const [index, name] of names.entries()) await paint(name, `rgb(${index}, 100, 50)`)
  await writeFile(join(root, names[40]!), 'no picture')
  const all = names.map((name) => listed(name, name))
  expect(await put(...all, listed('missing.png', 'x'))).toMatchObject({
    added: 99,
    unreadable: [
      { path: names[40], code: 'IMAGE_UNREADABLE' },
      { path: 'missing.png', code: 'FILE_UNREADABLE' },
    ],
  })
  await writeFile(join(root, names[41]!), 'no picture any more')
  expect(await put(...all)).toMatchObject({ added: 98, reused: 98 })
  expect(await ids()).toHaveLength(99)
  expect(await ids()).toContain(`${names[41]} ${names[41]}`)
})
