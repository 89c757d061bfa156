/** Downloads that are cut, continued, refused or too large: in the end the file is whole, or there is none and a reason. */
import { mkdtemp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type DownloadOptions, download } from '../../registry/download.ts'
import { describeError } from '../../shared/errors/errors.ts'
import { freePorts } from '../harness/free-port.ts'
import { noise } from '../harness/noise.ts'
import { type ArchiveServer, startArchiveServer } from './archive-server.ts'

const bytes = noise(300_000, 7)
let folder: string
let to: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  to = join(folder, 'a.tar')
})

const server = () => startArchiveServer({ 'a.tar': bytes })

const fetchFrom = (
  { base, received }: Pick<ArchiveServer, 'base' | 'received'>,
  options: Partial<DownloadOptions> = {},
): Promise<void> =>
  download({
    url: new URL(`${base}/a.tar`),
    to,
    maxBytes: 1e6,
    stop: new AbortController().signal,
    onProgress: received,
    attempts: 1,
    retryMs: 1,
    ...options,
  })

const isWhole = async (): Promise<void> => {
  expect((await readFile(to)).equals(bytes)).toBe(true)
  expect(await readdir(folder)).toEqual(['a.tar'])
}

describe('a download', () => {
  test('brings the file, and tells how far it is', async () => {
    await using source = await server()
    const seen: (number | null)[][] = []
    await fetchFrom(source, { onProgress: (...progress) => seen.push(progress) })
    await isWhole()
    expect(seen[0]).toEqual([0, bytes.length])
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length])
  })

  test('that broke is continued by the next call, from where it was', async () => {
    await using source = await server()
    source.cuts.push(100_000)
    source.statuses.push(null, 503)
    await expect(fetchFrom(source)).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD',
      retryable: true,
      message: expect.stringMatching(/100000 bytes are kept, the same command goes on from there/),
    })
    await fetchFrom(source)
    await isWhole()
    expect(source.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', 'bytes=100000-'])
  })

  test('goes on by itself while each attempt brings something', async () => {
    await using source = await server()
    source.cuts.push(50_000, 100_000, 150_000)
    source.statuses.push(null, null, 503)
    await fetchFrom(source, { attempts: 2 })
    await isWhole()
  })

  test('begins anew where the file on the server changed in between', async () => {
    await using source = await server()
    source.files.set('a.tar', noise(300_000, 8))
    source.cuts.push(100_000)
    source.statuses.push(null, 503)
    await expect(fetchFrom(source)).rejects.toThrow('are kept')
    source.files.set('a.tar', bytes)
    source.etag = '"two"'
    await fetchFrom(source)
    await isWhole()
  })

  test('begins anew where the server knows no ranges, or no longer has what was there', async () => {
    await using source = await server()
    source.hasRanges = false
    source.cuts.push(100_000)
    source.statuses.push(null, 503)
    await expect(fetchFrom(source)).rejects.toThrow('are kept')
    await fetchFrom(source)
    await isWhole()
    source.hasRanges = true
    await writeFile(`${to}.partial`, noise(400_000, 9))
    await writeFile(`${to}.partial.json`, JSON.stringify({ url: `${source.base}/a.tar`, validator: source.etag }))
    await fetchFrom(source, { attempts: 2 })
    await isWhole()
  })
})

describe('there is no file, and the reason is told,', () => {
  test('without a network', async () => {
    const [port] = await freePorts(1)
    const failed = fetchFrom({ base: `http://127.0.0.1:${port}`, received: () => undefined })
    await expect(failed).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD',
      retryable: true,
      message: expect.stringMatching(/give it with --file, or name a mirror with --url-base/),
    })
    // As people see it, with all causes: the reason once.
    const told = await failed.catch(describeError)
    expect(told?.match(/no connection/g)).toHaveLength(1)
    expect(await readdir(folder)).toEqual([])
  })

  test('where the server does not have it', async () => {
    await using source = await server()
    await expect(fetchFrom({ ...source, base: `${source.base}/elsewhere` })).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD',
      retryable: false,
      message: expect.stringContaining('answers 404'),
    })
    expect(await readdir(folder)).toEqual([])
  })

  test('where the server falls silent', async () => {
    await using source = await server()
    source.isStalling = true
    const told = await fetchFrom(source, { stallMs: 50 }).catch(describeError)
    expect(told).toContain('nothing came for 0.05 s')
  })

  test('where it is larger than a model may be, before it is downloaded', async () => {
    await using source = await server()
    await expect(fetchFrom(source, { maxBytes: 1000 })).rejects.toMatchObject({ code: 'MODEL_ARCHIVE' })
    expect(await readdir(folder)).toEqual([])
  })

  test('where the disk is full', async () => {
    await using source = await server()
    // Writing there fails as on a full disk.
    await symlink('/dev/full', `${to}.partial`)
    await expect(fetchFrom(source)).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      message: expect.stringContaining('no space left on the disk'),
    })
    await expect(stat(to)).rejects.toThrow()
  })

  test('where it was stopped', async () => {
    await using source = await server()
    source.isStalling = true
    const stop = new AbortController()
    const running = fetchFrom(source, { stop: stop.signal, onProgress: () => stop.abort() })
    await expect(running).rejects.toThrow('was stopped')
  })
})
