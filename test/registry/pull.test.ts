/** Pulling a pair of models from a server on loopback: in the end both are registered and run, or nothing is, with a reason. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  modelsListCommand,
  modelsRemoveCommand,
  modelsUseCommand,
  modelsVerifyCommand,
} from '../../cli/commands/models.ts'
import { modelsPullCommand } from '../../cli/commands/models-pull.ts'
import { describeError } from '../../shared/errors/errors.ts'
import { finish, runCli, startCli } from '../harness/cli.ts'
import { freePorts } from '../harness/free-port.ts'
import { writeProducts } from '../harness/pictures.ts'
import { requireService } from '../harness/services.ts'
import { mountSmallDisk } from '../harness/small-disk.ts'
import { type ArchiveServer, startArchiveServer } from './archive-server.ts'
import { type Called, call } from './call.ts'
import { archive, archives, type FakePython, fakePython, names, pair } from './test-archives.ts'

const smallDisk = await requireService('small-disk')

let files: Record<string, Buffer>
let converter: FakePython
/** The models folder; not there at first. */
let models: string

beforeAll(async () => {
  files = await archives()
})

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'sightline-'))
  models = join(root, 'models')
  converter = await fakePython(join(root, 'converter'))
})

const pull = (server: Pick<ArchiveServer, 'base'>, ...more: readonly string[]): Promise<Called> =>
  call(modelsPullCommand, [
    'pp-shituv2',
    '--to',
    models,
    '--url-base',
    server.base,
    '--python',
    converter.python,
    ...more,
  ])

/** Names of what is registered. */
const registered = async (): Promise<readonly string[]> =>
  (await readdir(models).catch(() => [])).filter((name) => !name.startsWith('.') && !name.endsWith('.json'))

/** What is in the folder that a failed pull may have left: a download to go on with, but no work and no lock. */
const leftOvers = async (): Promise<readonly string[]> =>
  (await readdir(models).catch(() => [])).filter((name) => name.startsWith('.') && name !== '.downloads')

test('pulled, put in use, and something is recognized with it', async () => {
  await using server = await startArchiveServer(files)
  const pulled = await pull(server, '--use', '--json')
  expect(JSON.parse(pulled.out)).toEqual({ models, names, state: 'registered', inUse: true })
  expect(pulled.err).toMatch(/pp-shituv2-mainbody {2}canary: .* ok\n/)
  expect(pulled.err).toMatch(/pp-shituv2-mainbody {2}Paddle: boxes, px +0\.01 +0\.5 +ok\n/)
  expect(pulled.err).toMatch(/pp-shituv2-general +canary: cosine to the converter's .* ok\n/)
  expect(await registered()).toEqual(names.toSorted())
  expect(await leftOvers()).toEqual([])

  const { out } = await call(modelsListCommand, ['--models', models])
  expect(out.match(/^\* pp-shituv2-(mainbody|general) /gm)).toHaveLength(2)
  expect((await call(modelsVerifyCommand, ['--models', models])).code).toBe(0)
  const manifest = JSON.parse(await readFile(join(models, names[0]!, 'manifest.json'), 'utf8'))
  const known = JSON.parse(await readFile(join(models, 'archives.json'), 'utf8'))
  expect(manifest.provenance.archive).toEqual({
    file: pair.detector.archive,
    sha256: known[pair.detector.archive].sha256,
    source: `${server.base}/${pair.detector.archive}`,
  })

  const root = await mkdtemp(join(tmpdir(), 'sightline-'))
  const labels = await writeProducts(root, 3)
  const gallery = join(root, 'products.gallery')
  const built = await runCli(
    'gallery',
    'build',
    '--labels',
    labels,
    '--root',
    root,
    '--gallery',
    gallery,
    '--models',
    models,
  )
  expect(built.code).toBe(0)
  const seen = await runCli(
    ...['recognize', join(root, 'p1.jpg'), '--gallery', gallery, '--models', models, '--json'],
    ...['--detection-threshold', '1', '--whole-frame', 'always'],
  )
  expect(seen.json()).toMatchObject([
    {
      models: { detector: { name: names[0] }, embedder: { name: names[1] } },
      objects: [{ item: 'product-1' }],
    },
  ])
})

test('what is there already needs no server and no converter, only its canary', async () => {
  {
    await using server = await startArchiveServer(files)
    await pull(server)
  }
  const again = await call(modelsPullCommand, [
    'pp-shituv2',
    '--to',
    models,
    '--url-base',
    'http://127.0.0.1:1',
    '--json',
  ])
  expect(JSON.parse(again.out)).toMatchObject({ state: 'there already', inUse: false })
  await writeFile(join(models, names[1]!, 'model.onnx'), 'damaged')
  await expect(call(modelsPullCommand, ['pp-shituv2', '--to', models])).rejects.toMatchObject({
    code: 'MODEL_CORRUPT',
    message: expect.stringContaining(`sightline models remove ${names[1]}`),
  })
  await call(modelsRemoveCommand, [names[1]!, '--models', models])
  await using server = await startArchiveServer(files)
  await pull(server)
  expect(server.requests.map(({ path }) => path)).toEqual([`/models/${pair.embedder.archive}`])
})

test('archives on this machine, and a mirror named by the environment, are taken', async () => {
  await using server = await startArchiveServer(files)
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  const file = join(folder, pair.detector.archive)
  await writeFile(file, files[pair.detector.archive]!)
  const env = { SIGHTLINE_MODELS_MIRROR: server.base, SIGHTLINE_CONVERT_PYTHON: converter.python }
  await call(modelsPullCommand, ['pp-shituv2', '--to', models, '--file', file], { env })
  expect(server.requests.map(({ path }) => path)).toEqual([`/models/${pair.embedder.archive}`])
  expect(await registered()).toEqual(names.toSorted())
  expect((await stat(file)).isFile()).toBe(true)
  await expect(call(modelsPullCommand, ['pp-shituv2', '--file', join(folder, 'other.tar')])).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining(pair.detector.archive),
  })
})

test('a pull that was killed goes on where its download was', async () => {
  const large = await archive('w'.repeat(1_000_000))
  await using server = await startArchiveServer({ ...files, [pair.detector.archive]: large })
  server.cuts.push(400_000)
  const args = ['--to', models, '--url-base', server.base, '--python', converter.python]
  const child = startCli('models', 'pull', 'pp-shituv2', ...args)
  const ended = finish(child)
  const partial = join(models, '.downloads', `${pair.detector.archive}.partial`)
  const size = (): Promise<number> =>
    stat(partial).then(
      (found) => found.size,
      () => 0,
    )
  await vi.waitUntil(async () => (await size()) === 400_000, { timeout: 20_000 })
  child.kill('SIGKILL')
  await ended
  // Its lock is not held any more; the next one need not wait for that to show.
  const past = new Date(Date.now() - 60_000)
  await utimes(join(models, '.lock'), past, past)
  await pull(server)
  expect(server.requests.slice(0, 2)).toEqual([
    { path: `/models/${pair.detector.archive}`, range: undefined },
    { path: `/models/${pair.detector.archive}`, range: 'bytes=400000-' },
  ])
  expect(await registered()).toEqual(names.toSorted())
  expect(await leftOvers()).toEqual([])
})

test('two at the same time do the work once', async () => {
  await using server = await startArchiveServer(files)
  const [one, two] = await Promise.all([pull(server, '--json'), pull(server, '--json')])
  expect([one, two].map(({ out }) => JSON.parse(out).state).toSorted()).toEqual(['registered', 'there already'])
  expect(one.err + two.err).toContain('waiting for another one')
  expect(server.requests).toHaveLength(2)
})

describe('nothing is registered, and the reason is told,', () => {
  const failing = async (server: Pick<ArchiveServer, 'base'>, code: string, message: RegExp): Promise<void> => {
    const error = await pull(server).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code })
    expect(describeError(error)).toMatch(message)
    expect(await registered()).toEqual([])
    expect(await leftOvers()).toEqual([])
  }

  test('when an archive is another one than the first time', async () => {
    await using server = await startArchiveServer(files)
    await pull(server)
    for (const name of names) await call(modelsRemoveCommand, [name, '--models', models])
    server.files.set(pair.embedder.archive, await archive('other weights'))
    await failing(server, 'MODEL_CORRUPT', /general_PPLCNetV2.* has the sha256 .*was recorded on .*archives\.json/)
    server.files.set(pair.embedder.archive, files[pair.embedder.archive]!)
    await pull(server)
    expect(await registered()).toEqual(names.toSorted())
  })

  test('when an archive is cut off, and the next pull gets it anew', async () => {
    await using server = await startArchiveServer(files)
    server.files.set(pair.embedder.archive, files[pair.embedder.archive]!.subarray(0, 1800))
    await failing(server, 'MODEL_ARCHIVE', /damaged, cut off or no tar/)
    server.files.set(pair.embedder.archive, files[pair.embedder.archive]!)
    await pull(server)
    expect(await registered()).toEqual(names.toSorted())
  })

  test('when an archive climbs out of its folder', async () => {
    await using server = await startArchiveServer(files)
    server.files.set(pair.detector.archive, await archive('weights', '../../evil'))
    await failing(server, 'MODEL_ARCHIVE', /lies outside the folder/)
    expect(await readdir(join(models, '..'))).toEqual(['converter', 'models'])
  })

  test('without a network', async () => {
    const [port] = await freePorts(1)
    await failing({ base: `http://127.0.0.1:${port}` }, 'MODEL_DOWNLOAD', /--file.*no connection/)
  })

  test('when the disk is full', async () => {
    await using server = await startArchiveServer(files)
    await mkdir(join(models, '.downloads'), { recursive: true })
    // Writing there fails as on a full disk.
    await symlink('/dev/full', join(models, '.downloads', `${pair.detector.archive}.partial`))
    await failing(server, 'FILE_UNWRITABLE', /no space left on the disk\. Nothing was registered/)
  })

  describe.skipIf(smallDisk === undefined)('on a disk that is really full', () => {
    // Room for the archives; for what is unpacked; for the converted networks, but not beside their places.
    test.each([
      { room: 'none', kilobytes: 12 },
      { room: 'what is unpacked', kilobytes: 48 },
      { room: 'one network', kilobytes: 180 },
    ])('with room for $room', async ({ kilobytes }) => {
      await using disk = await mountSmallDisk(kilobytes)
      models = join(disk.path, 'models')
      const large = await archive('weights'.repeat(2000))
      await using server = await startArchiveServer({ [pair.detector.archive]: large, [pair.embedder.archive]: large })
      await expect(pull(server)).rejects.toMatchObject({ message: expect.stringMatching(/no space left on/i) })
      expect(await registered()).toEqual([])
      expect(await leftOvers()).toEqual([])
    })
  })

  test('when the Python has not what the conversion needs, before anything is downloaded', async () => {
    await using server = await startArchiveServer(files)
    await writeFile(converter.python, `#!/bin/sh\necho 'No module named paddle' >&2\nexit 1\n`)
    await failing(server, 'MODEL_CONVERSION', /No module named paddle.*pip install -r .*requirements\.txt/)
    await rm(converter.python)
    await failing(server, 'MODEL_CONVERSION', /ENOENT/)
    expect(server.requests).toEqual([])
  })

  test('when the conversion does not compute what the original did', async () => {
    await using server = await startArchiveServer(files)
    await converter.change('embedder', { canary: { embedding: Array.from({ length: 512 }, (_, index) => index) } })
    await failing(server, 'MODEL_CANARY', /pp-shituv2-general: canary: cosine to the converter's/)
    await converter.change('detector', { parity: [{ check: 'boxes, px', found: 3, limit: 0.5, ok: false }] })
    await failing(server, 'MODEL_CANARY', /pp-shituv2-mainbody: Paddle: boxes, px: 3, limit 0\.5/)
  })

  test('when what was converted is another network', async () => {
    await using server = await startArchiveServer(files)
    await converter.change('detector', { input: { name: 'image', width: 320, height: 320 } })
    await failing(server, 'MODEL_CONTRACT', /takes 320x320, not 640x640/)
    await converter.change('detector', {
      input: { name: 'image', width: 640, height: 640 },
      outputs: ['a', 'b', 'c', 'd'],
    })
    await failing(server, 'MODEL_CONTRACT', /the graph's outputs are h8, h16, h32, h64, the manifest names a, b, c, d/)
  })
})

test('a folder that has no models in use needs both', async () => {
  await using server = await startArchiveServer(files)
  await pull(server)
  await expect(call(modelsUseCommand, [names[0]!, '--models', models])).rejects.toThrow('has no embedder in use yet')
  await call(modelsUseCommand, [...names, '--models', models])
  await expect(call(modelsRemoveCommand, [names[0]!, '--models', models])).rejects.toThrow('is in use')
  await expect(call(modelsRemoveCommand, ['../models', '--models', models])).rejects.toMatchObject({
    code: 'MODEL_MISSING',
  })
})
