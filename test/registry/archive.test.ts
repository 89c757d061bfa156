/** What an archive may hold: plain files in their folder. Everything else is refused with the entry's name. */
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type Header, pack } from 'tar-stream'
import { beforeEach, describe, expect, test } from 'vitest'
import { inferenceFolder, unpack } from '../../registry/archive.ts'
import { noise } from '../harness/noise.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
})

type Entry = Partial<Header> & { readonly name: string; readonly text?: string }

async function archiveOf(...entries: readonly Entry[]): Promise<string> {
  const tar = pack()
  for (const { text = '', ...header } of entries) tar.entry(header, text)
  tar.finalize()
  const path = join(root, 'a.tar')
  await writeFile(path, await buffer(tar))
  return path
}

const unpacked = async (archive: string, limits?: { entries: number; bytes: number }): Promise<string> => {
  const to = join(root, 'a', limits === undefined ? 'b' : String(limits.bytes))
  await unpack(archive, to, limits)
  return to
}

const model: readonly Entry[] = [
  { name: 'm/', type: 'directory' },
  { name: 'm/inference.pdmodel', text: 'program' },
  { name: './m/inference.pdiparams', text: 'weights' },
]

test('a model is unpacked and found', async () => {
  const archive = await archiveOf(...model)
  const to = await unpacked(archive)
  const folder = await inferenceFolder(to, archive)
  expect(folder).toBe(join(to, 'm'))
  expect(await readFile(join(folder, 'inference.pdiparams'), 'utf8')).toBe('weights')
})

describe('an archive is refused', () => {
  test.each<[string, Entry, RegExp]>([
    ['that climbs out of its folder', { name: '../../evil', text: 'x' }, /'\.\.\/\.\.\/evil' lies outside/],
    ['that climbs out on a detour', { name: 'm/../../evil', text: 'x' }, /lies outside/],
    ['with an absolute path', { name: '/tmp/evil', text: 'x' }, /not allowed/],
    ['with a drive', { name: 'C:evil', text: 'x' }, /not allowed/],
    ['with backslashes', { name: '..\\evil', text: 'x' }, /not allowed/],
    ['with a symbolic link', { name: 'm/link', type: 'symlink', linkname: '/etc/passwd' }, /is a symlink/],
    ['with a hard link', { name: 'm/link', type: 'link', linkname: '/etc/passwd' }, /is a link/],
    ['with a device', { name: 'm/zero', type: 'character-device' }, /is a character-device/],
    ['with one file twice', { name: 'm/inference.pdmodel', text: 'other' }, /damaged|EEXIST/],
  ])('%s', async (_name, entry, reason) => {
    const archive = await archiveOf(...model, entry)
    await expect(unpacked(archive)).rejects.toMatchObject({
      code: 'MODEL_ARCHIVE',
      message: expect.stringMatching(reason),
    })
    expect(await readdir(root)).toEqual(expect.not.arrayContaining(['evil']))
    expect(await readdir(join(root, 'a'))).toEqual(['b'])
  })

  test('with too many entries, or too large ones', async () => {
    const archive = await archiveOf(...model)
    await expect(unpacked(archive, { entries: 2, bytes: 100 })).rejects.toThrow('more than 2 entries')
    await expect(unpacked(archive, { entries: 9, bytes: 10 })).rejects.toThrow('larger than 10 bytes')
  })

  test('that was cut off, wherever', async () => {
    const archive = await archiveOf({ name: 'm/inference.pdmodel', text: 'p'.repeat(3000) }, model[2]!)
    const whole = await readFile(archive)
    for (const length of [0, 100, 512, 2000, 3584, 4000]) {
      await writeFile(archive, whole.subarray(0, length))
      const to = await mkdtemp(join(root, 'cut-'))
      const end = unpack(archive, to).then(() => inferenceFolder(to, archive))
      await expect(end, `${length} bytes`).rejects.toMatchObject({ code: 'MODEL_ARCHIVE' })
    }
  })

  test('that is none', async () => {
    const archive = join(root, 'a.tar')
    await writeFile(archive, noise(5000, 3))
    await expect(unpacked(archive)).rejects.toMatchObject({ code: 'MODEL_ARCHIVE' })
  })

  test('without a model, or with two', async () => {
    const none = await archiveOf({ name: 'm/readme', text: 'x' })
    await expect(inferenceFolder(await unpacked(none), none)).rejects.toThrow('0 files inference.pdmodel')
    const two = await archiveOf(...model, { name: 'n/inference.pdmodel', text: 'x' })
    const to = join(root, 'two')
    await unpack(two, to)
    await expect(inferenceFolder(to, two)).rejects.toThrow('2 files inference.pdmodel')
  })
})
