import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { type FolderFrame, framesOf } from '../../pipeline/camera-folder.ts'

let folder: string
let told: string[]
const notices = {
  lost: () => void told.push('lost'),
  back: () => void told.push('back'),
  found: () => undefined,
}
const name = (frame: FolderFrame): string =>
  'error' in frame ? `${frame.id.split('@')[0]}: ${frame.error.code}` : basename(frame.source!)

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'camera')
  await mkdir(folder)
  told = []
})

async function all(frames: AsyncIterable<FolderFrame>): Promise<FolderFrame[]> {
  const seen: FolderFrame[] = []
  for await (const frame of frames) seen.push(frame)
  return seen
}

const put = (file: string): Promise<void> => writeFile(join(folder, file), file)

test('a picture that can not be read costs only itself', async () => {
  for (const file of ['a.jpg', 'c.jpg']) await put(file)
  await symlink('b.jpg', join(folder, 'b.jpg'))
  const source = { camera: 'c', folder, follow: false, intervalMs: 0 }
  const frames = await all(framesOf(source, new AbortController().signal, notices))
  expect(frames.map(name)).toEqual(['a.jpg', 'b.jpg: FILE_UNREADABLE', 'c.jpg'])
})

test('a folder that is not there is told, and the end', async () => {
  await rm(folder, { recursive: true })
  const source = { camera: 'c', folder, follow: false, intervalMs: 0 }
  expect(await all(framesOf(source, new AbortController().signal, notices))).toEqual([])
  expect(told).toEqual(['lost'])
})

test('followed, a folder that vanishes is told once, waited for, and goes on where it was', async () => {
  const stop = new AbortController()
  const seen: string[] = []
  await put('a.jpg')
  const reading = (async () => {
    const source = { camera: 'c', folder, follow: true, intervalMs: 0 }
    for await (const frame of framesOf(source, stop.signal, notices)) seen.push(name(frame))
  })()
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await sleep(20)
  }
  await until(() => seen.length === 1)
  await rename(folder, `${folder}-away`)
  await until(() => told.length === 1)
  await sleep(1200)
  await rename(`${folder}-away`, folder)
  await put('b.jpg')
  await until(() => seen.length === 2)
  // An unreadable one is told once, and taken when it can be read.
  await symlink('z.png', join(folder, 'c.jpg'))
  await until(() => seen.length === 3)
  await sleep(1200)
  await writeFile(join(folder, 'z.png'), 'z')
  await until(() => seen.length === 5)
  stop.abort()
  await reading
  expect(told).toEqual(['lost', 'back'])
  expect(seen.slice(0, 3)).toEqual(['a.jpg', 'b.jpg', 'c.jpg: FILE_UNREADABLE'])
  expect(seen.slice(3).toSorted()).toEqual(['c.jpg', 'z.png'])
})
