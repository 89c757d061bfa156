/** One writer at a time in a models folder: who waits gets its turn, and nobody waits for the dead. */
import { mkdir, mkdtemp, readdir, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { lockFolder } from '../../registry/folder-lock.ts'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'models')
})

const options = { stop: new AbortController().signal, onWait: () => undefined }

test('several writers work one after the other', async () => {
  let working = 0
  let most = 0
  const writers = Array.from({ length: 5 }, async () => {
    await using _lock = await lockFolder(folder, options)
    working += 1
    most = Math.max(most, working)
    await readdir(folder)
    working -= 1
  })
  await Promise.all(writers)
  expect(most).toBe(1)
  expect(await readdir(folder)).toEqual([])
})

test('a lock that nobody touched for long is taken over, and what its holder left goes', async () => {
  await mkdir(join(folder, '.work-left'), { recursive: true })
  await mkdir(join(folder, 'model'))
  await writeFile(join(folder, '.lock'), 'dead')
  const past = new Date(Date.now() - 60_000)
  await utimes(join(folder, '.lock'), past, past)
  {
    await using _lock = await lockFolder(folder, options)
    expect(await readdir(folder)).toEqual(['.lock', 'model'])
  }
  expect(await readdir(folder)).toEqual(['model'])
})

test('a writer that waits is told so and can be stopped', async () => {
  await using _lock = await lockFolder(folder, options)
  const stop = new AbortController()
  const waiting = lockFolder(folder, { stop: stop.signal, onWait: () => stop.abort() })
  await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('was stopped') })
})
