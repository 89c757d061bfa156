import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { expandPaths, leftOutLine, listPictures, readPictureFile } from '../../pipeline/pictures.ts'

const run = promisify(execFile)
let root: string
let folder: string

/** A file, with the folders it lies in. */
async function put(path: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), path)
}
const link = (path: string, target: string): Promise<void> => symlink(target, join(root, path))
const listed = async (): Promise<string[]> =>
  (await listPictures(folder)).pictures.map((path) => relative(folder, path))

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  folder = join(root, 'folder')
  await mkdir(folder)
})

describe('a folder', () => {
  test('holds JPEGs by all their names, in small letters and large', async () => {
    for (const name of ['a.jpg', 'b.JPG', 'c.jpeg', 'd.jfif', 'e.JPE', 'f.mpo', 'notes.txt', 'jpg']) {
      await put(`folder/${name}`)
    }
    expect(await listed()).toEqual(['a.jpg', 'b.JPG', 'c.jpeg', 'd.jfif', 'e.JPE', 'f.mpo'])
  })

  test('holds what links lead to: pictures, links, folders', async () => {
    await put('elsewhere/a.jpg')
    await put('elsewhere/deep/b.png')
    await link('folder/one.jpg', '../elsewhere/a.jpg')
    await link('folder/two.jpg', 'one.jpg')
    await link('folder/more', '../elsewhere')
    expect(await listed()).toEqual(['more/a.jpg', 'more/deep/b.png', 'one.jpg', 'two.jpg'])
  })

  test('that links run in circles through is listed once, and never what it lies in', async () => {
    await put('folder/a.jpg')
    await put('folder/sub/b.jpg')
    await put('outside.jpg')
    await link('folder/itself', '.')
    await link('folder/up', '..')
    await link('folder/whole-disk', '/')
    await link('folder/sub/back', '../../folder')
    await link('folder/again', 'sub')
    expect(await listed()).toEqual(['a.jpg', 'sub/b.jpg'])
  })

  test('of folders that are linked to twice at each of 30 depths is listed in no time', async () => {
    for (let depth = 0; depth < 30; depth += 1) {
      await mkdir(join(root, `d${depth}`))
      for (const name of ['x', 'y']) await link(`d${depth}/${name}`, `../d${depth + 1}`)
    }
    await put('d30/a.jpg')
    await link('folder/start', '../d0')
    expect(await listed()).toHaveLength(1)
  })

  test('keeps links that lead nowhere, to be told when they are read', async () => {
    await link('folder/gone.jpg', 'nowhere.jpg')
    await link('folder/loop.jpg', 'loop.jpg')
    expect(await listed()).toEqual(['gone.jpg', 'loop.jpg'])
    const refused = { code: 'FILE_UNREADABLE' }
    await expect(readPictureFile(join(folder, 'gone.jpg'))).rejects.toMatchObject(refused)
    await expect(readPictureFile(join(folder, 'loop.jpg'))).rejects.toMatchObject(refused)
  })

  test('tells in one line what looks like a picture and is left out', async () => {
    for (const name of ['a.jpg', 'b.psd', 'c.PSD', 'd.nef', 'notes.txt']) await put(`folder/${name}`)
    await run('mkfifo', [join(folder, 'pipe.jpg')])
    const contents = await listPictures(folder)
    expect(contents.pictures).toEqual([join(folder, 'a.jpg')])
    expect(leftOutLine('folder', contents)).toBe(
      'folder: left out what is no picture of a kind that is read: 1 .nef, 2 .psd, 1 pipe or device',
    )
  })

  test('that is not there is refused with the reason, once', async () => {
    await rm(folder, { recursive: true })
    await expect(listPictures(folder)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: `${folder} can't be read: no such file or directory (ENOENT)`,
    })
  })
})

test('what is no file is not opened, and a file that is too large is not read', async () => {
  const pipe = join(root, 'pipe.jpg')
  await run('mkfifo', [pipe])
  await expect(readPictureFile(pipe)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  await expect(readPictureFile('/dev/zero')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  await expect(readPictureFile(folder)).rejects.toMatchObject({ message: expect.stringContaining('a folder') })
  const large = join(root, 'large.jpg')
  await writeFile(large, '')
  await truncate(large, 2 ** 40)
  await expect(readPictureFile(large)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' })
})

test('paths that can not be listed keep their place', async () => {
  await put('folder/a.jpg')
  await put('folder/b.svg')
  await link('loop', 'loop')
  const told: string[] = []
  const paths = [join(root, 'gone'), folder, join(root, 'loop')]
  expect(await expandPaths(paths, (line) => told.push(line))).toEqual([paths[0], join(folder, 'a.jpg'), paths[2]])
  expect(told).toEqual([expect.stringContaining('1 .svg')])
})
