/** Adding networks of one's own: a contract that fits is recorded and runs, one that does not is refused with the reason. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  modelsListCommand,
  modelsRemoveCommand,
  modelsUseCommand,
  modelsVerifyCommand,
} from '../../cli/commands/models.ts'
import { modelsAddCommand } from '../../cli/commands/models-pull.ts'
import { finish, runCli, startCli } from '../harness/cli.ts'
import { embedderFile, embedderMatrix, fixedAnswers, smallInput } from '../harness/networks.ts'
import { writeProducts } from '../harness/pictures.ts'
import { type Called, call } from './call.ts'

let root: string
let models: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  models = join(root, 'models')
})

const input = { ...smallInput, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

const embedder = {
  name: 'tower',
  input,
  output: { kind: 'embedding', name: 'vector', dimension: 768, normalized: false },
  defaults: { scoreThreshold: 0.5 },
}

/** The left half, surely, and something in a corner, hardly. */
const halves = [0, 0, 16, 32, 0.9, 0, 24, 24, 32, 32, 0.1, 0]

const boxes = {
  name: 'finder',
  input,
  output: { kind: 'boxes', boxes: 'boxes', units: 'pixels' },
  defaults: { scoreThreshold: 0.5 },
}
const boxesFile = (options = {}): Buffer => fixedAnswers([{ name: 'boxes', dims: [2, 6], values: halves }], options)

interface Parts {
  readonly detector?: object | undefined
  readonly embedder?: object | undefined
}

async function add(
  manifest: Parts,
  files: { detector?: Buffer; embedder?: Buffer },
  ...more: string[]
): Promise<Called> {
  const path = join(root, 'manifest.json')
  await writeFile(path, JSON.stringify(manifest))
  const words = ['--models', models, '--manifest', path, ...more]
  for (const role of ['detector', 'embedder'] as const) {
    if (files[role] === undefined) continue
    await writeFile(join(root, `${role}.onnx`), files[role])
    words.push(`--${role}`, join(root, `${role}.onnx`))
  }
  return await call(modelsAddCommand, words)
}

const registered = async (): Promise<readonly string[]> =>
  (await readdir(models)).filter((name) => !name.startsWith('.'))

/** What recognition finds in picture 1 of three products. */
async function recognized(...more: readonly string[]): Promise<Record<string, never>[]> {
  const gallery = join(root, 'products.gallery')
  const args = ['--gallery', gallery, '--models', models]
  if (!existsSync(gallery)) {
    const labels = await writeProducts(root, 3)
    expect((await runCli('gallery', 'build', '--labels', labels, '--root', root, ...args)).code).toBe(0)
  }
  const { json, err } = await finish(startCli('recognize', join(root, 'p1.jpg'), ...args, '--json', ...more))
  expect(err).toBe('')
  return json()
}

test('a pair of one’s own is added, used and recognizes', async () => {
  const { out } = await add({ detector: boxes, embedder }, { detector: boxesFile(), embedder: embedderFile() }, '--use')
  expect(out).toBe('finder: registered, in use\ntower: registered, in use\n')
  expect((await call(modelsListCommand, ['--models', models])).out).toMatch(/^\* finder .*\n\* tower /)
  expect((await call(modelsVerifyCommand, ['--models', models])).out).toBe('finder: ok\ntower: ok\n')
  const manifest = JSON.parse(await readFile(join(models, 'tower', 'manifest.json'), 'utf8'))
  expect(manifest.canary.embedding).toHaveLength(768)

  // The boxes are 32 x 32 pixels' of the network, the picture has 320 x 240.
  expect(await recognized('--threshold=-1')).toMatchObject([
    { objects: [{ box: [0, 0, 160, 240], detectionScore: expect.closeTo(0.9, 5) }] },
  ])
  expect(await recognized('--detection-threshold', '1')).toMatchObject([{ objects: [{ item: 'product-1' }] }])
})

describe('a detector', () => {
  const found = async (detector: object, file: Buffer): Promise<unknown> => {
    await add({ detector, embedder }, { detector: file, embedder: embedderFile() }, '--use')
    const [event] = await recognized('--threshold=-1')
    return (event as unknown as { objects: { box: number[] }[] }).objects.map(({ box }) => box)
  }
  /** Centre, size and scores of two classes, of three anchors. */
  const anchors = [
    [8, 9, 28],
    [16, 16, 28],
    [16, 16, 8],
    [32, 30, 8],
    [0.1, 0.1, 0.1],
    [0.9, 0.8, 0.2],
  ].flat()

  test('of the YOLO kind answers with anchors that are suppressed here', async () => {
    const yolo = { ...boxes, output: { kind: 'yolo', name: 'anchors', classes: 2 } }
    const file = fixedAnswers([{ name: 'anchors', dims: [6, 3], values: anchors }])
    expect(await found(yolo, file)).toEqual([[0, 0, 160, 240]])
  })

  test('and an embedder may take and give float16', async () => {
    await add(
      { detector: boxes, embedder },
      { detector: boxesFile({ isHalf: true }), embedder: embedderFile({ isHalf: true }) },
      '--use',
    )
    expect((await call(modelsVerifyCommand, ['--models', models])).out).toBe('finder: ok\ntower: ok\n')
    const half = JSON.parse(await readFile(join(models, 'tower', 'manifest.json'), 'utf8')).canary.embedding as number[]
    await add({ embedder: { ...embedder, name: 'whole' } }, { embedder: embedderFile() })
    const whole = JSON.parse(await readFile(join(models, 'whole', 'manifest.json'), 'utf8')).canary
      .embedding as number[]
    expect(Math.max(...half.map((value, index) => Math.abs(value - whole[index]!)))).toBeLessThan(1e-3)
    expect(half).not.toEqual(whole)
    expect(await recognized('--detection-threshold', '0.8', '--threshold=-1')).toMatchObject([
      { objects: [{ box: [0, 0, 160, 240], detectionScore: expect.closeTo(0.9, 3) }] },
    ])
  })

  // A frame of 320 x 240 in an input of 64 x 32: at a seventh and a half, 43 x 32, with 10 pixels left of it.
  test.each([
    ['centre', 10],
    ['top-left', 0],
  ] as const)('may see letterboxed frames, at the %s', async (at, left) => {
    const output = { kind: 'yolo', name: 'anchors', classes: 1, axes: 'anchors values', objectness: true }
    const letterboxed = { ...boxes, input: { ...input, width: 64, letterbox: { pad: 114, at } }, output }
    const ratio = 32 / 240
    const values = [left + 160 * ratio, 120 * ratio, 160 * ratio, 120 * ratio, 0.9, 0.8]
    const file = fixedAnswers([{ name: 'anchors', dims: [1, 6], values }], { width: 64 })
    expect(await found(letterboxed, file)).toEqual([[80, 60, 240, 180].map((value) => expect.closeTo(value, 0))])
  })

  test('may take one picture a run, channels last, and answer boxes and scores without N', async () => {
    const one = {
      ...boxes,
      input: { ...input, layout: 'NHWC', maxBatch: 1 },
      output: { kind: 'boxes', boxes: 'corners', scores: 'scores', units: 'fraction' },
    }
    const file = fixedAnswers(
      [
        { name: 'corners', dims: [2, 4], values: [0.5, 0, 1, 1, 0, 0, 0.1, 0.1] },
        { name: 'scores', dims: [2], values: [0.9, 0.1] },
      ],
      { batch: 1, layout: 'NHWC', isUnbatched: true },
    )
    expect(await found(one, file)).toEqual([[160, 0, 320, 240]])
  })
})

describe('weights in a second file', () => {
  const location = 'weights/tower.onnx.data'
  const matrix = embedderMatrix()
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(join(root, path, '..'), { recursive: true })
    await writeFile(join(root, path), bytes)
  }
  const sha256 = (...parts: readonly Uint8Array[]): string =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')

  test('come along, are checked, tell models apart, and go with the model', async () => {
    await write(location, matrix)
    const file = embedderFile({ location })
    await add({ embedder }, { embedder: file })
    // The folder that it came from may go: what runs is the models folder's.
    await rm(join(root, 'weights'), { recursive: true })
    const manifest = JSON.parse(await readFile(join(models, 'tower', 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({
      sha256: sha256(file, matrix),
      bytes: file.length + matrix.length,
      data: [{ file: location, sha256: sha256(matrix), bytes: matrix.length }],
    })
    expect((await call(modelsVerifyCommand, ['--models', models])).out).toBe('tower: ok\n')

    const other = embedderMatrix({ seed: 2 })
    await write(location, other)
    await add({ embedder: { ...embedder, name: 'other' } }, { embedder: file })
    const second = JSON.parse(await readFile(join(models, 'other', 'manifest.json'), 'utf8'))
    expect(second.sha256).toBe(sha256(file, other))
    expect(second.canary).not.toEqual(manifest.canary)

    await writeFile(join(models, 'tower', location), other)
    const changed = await call(modelsVerifyCommand, ['tower', '--models', models])
    expect(changed.out).toMatch(/tower: .*weights\/tower\.onnx\.data is not the file its manifest describes/)
    await rm(join(models, 'tower', location))
    expect((await call(modelsVerifyCommand, ['tower', '--models', models])).out).toMatch(
      /tower: reading model weights /,
    )
    await call(modelsRemoveCommand, ['tower', '--models', models])
    expect(await registered()).toEqual(['other'])
  })

  test('may be links, as a download cache has them', async () => {
    await write('blobs/1', matrix)
    await symlink(join(root, 'blobs', '1'), join(root, 'tower.data'))
    await add({ embedder }, { embedder: embedderFile({ location: './tower.data' }) })
    await rm(join(root, 'blobs'), { recursive: true })
    expect((await call(modelsVerifyCommand, ['--models', models])).out).toBe('tower: ok\n')
  })

  test('that are not there are asked for, with a way out', async () => {
    await expect(add({ embedder }, { embedder: embedderFile({ location }) })).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringMatching(
        /embedder\.onnx has weights in a second file, weights\/tower\.onnx\.data, which is not beside it: put it into .*, or save all in one file/,
      ),
    })
    expect(await registered()).toEqual([])
  })

  test.each(['../tower.data', '/etc/hostname', 'a/../../tower.data', 'C:\\tower.data', '..', ''])(
    'are not fetched from %j',
    async (outside) => {
      await write('../tower.data', matrix)
      await expect(add({ embedder }, { embedder: embedderFile({ location: outside }) })).rejects.toMatchObject({
        code: 'MODEL_CONTRACT',
        message: expect.stringMatching(/weights in a second file '.*', which leads out of its folder/),
      })
      expect(await registered()).toEqual([])
    },
  )

  test.each(['model.onnx', 'Manifest.json', 'manifest.json/x'])('do not take the place of %s', async (name) => {
    await expect(add({ embedder }, { embedder: embedderFile({ location: name }) })).rejects.toThrow(
      /second file called .*, a name that a model's folder needs itself/,
    )
  })

  test('that the manifest does not list are not run', async () => {
    await write('tower.data', matrix)
    await add({ embedder }, { embedder: embedderFile({ location: 'tower.data' }) })
    const path = join(models, 'tower', 'manifest.json')
    const { data: _data, ...rest } = JSON.parse(await readFile(path, 'utf8'))
    const onnx = await readFile(join(models, 'tower', 'model.onnx'))
    await writeFile(path, JSON.stringify({ ...rest, sha256: sha256(onnx), bytes: onnx.length }))
    expect((await call(modelsVerifyCommand, ['--models', models])).out).toMatch(
      /tower\.data, that its manifest does not list/,
    )
  })
})

describe('refused with the reason, and not registered, is', () => {
  test.each<[string, Parts, { detector?: Buffer; embedder?: Buffer }, RegExp]>([
    [
      'an input of another name',
      { embedder: { ...embedder, input: { ...input, name: 'pixels' } } },
      { embedder: embedderFile() },
      /the graph's input is image, the manifest's pixels/,
    ],
    [
      'another size',
      { embedder: { ...embedder, input: { ...input, width: 224, height: 224 } } },
      { embedder: embedderFile() },
      /the graph takes \[N, 3, 32, 32\], the manifest says \[N, 3, 224, 224\] \(NCHW\)/,
    ],
    [
      'another layout',
      { embedder: { ...embedder, input: { ...input, layout: 'NHWC' } } },
      { embedder: embedderFile() },
      /the manifest says \[N, 32, 32, 3\] \(NHWC\)/,
    ],
    [
      'another dimension',
      { embedder: { ...embedder, output: { ...embedder.output, dimension: 512 } } },
      { embedder: embedderFile() },
      /output vector is \[N, 768\], the manifest's kind 'embedding' means \[N, 512\]/,
    ],
    [
      'a vector for each token',
      { embedder },
      { embedder: fixedAnswers([{ name: 'vector', dims: [7, 768], values: new Array<number>(7 * 768).fill(1) }]) },
      /output vector is \[N, 7, 768\].* means \[N, 768\]/,
    ],
    [
      'an output that is not there',
      { detector: { ...boxes, output: { ...boxes.output, scores: 'scores' } } },
      { detector: boxesFile() },
      /outputs are boxes, the manifest names scores/,
    ],
    [
      'a graph for one picture a run that is said to take many',
      { detector: boxes },
      { detector: boxesFile({ batch: 1 }) },
      /takes one picture a run: input\.maxBatch has to be 1/,
    ],
    [
      'a graph for exactly four pictures a run',
      { detector: boxes },
      { detector: boxesFile({ batch: 4 }) },
      /takes exactly 4 pictures a run/,
    ],
    [
      'a YOLO of other classes',
      { detector: { ...boxes, output: { kind: 'yolo', name: 'boxes', classes: 80 } } },
      { detector: boxesFile() },
      /output boxes is \[N, 2, 6\], the manifest's kind 'yolo' means \[N, 84, \?\]/,
    ],
    [
      'a YOLO that has objectness, and is not said to',
      { detector: { ...boxes, output: { kind: 'yolo', name: 'anchors', classes: 2, axes: 'anchors values' } } },
      { detector: fixedAnswers([{ name: 'anchors', dims: [3, 7], values: new Array<number>(21).fill(1) }]) },
      /output anchors is \[N, 3, 7\], the manifest's kind 'yolo' means \[N, \?, 6\]/,
    ],
    [
      'a YOLOX of other strides',
      {
        detector: {
          ...boxes,
          output: {
            kind: 'yolo',
            name: 'anchors',
            classes: 2,
            axes: 'anchors values',
            objectness: true,
            units: 'cells',
          },
        },
      },
      { detector: fixedAnswers([{ name: 'anchors', dims: [3, 7], values: new Array<number>(21).fill(1) }]) },
      /output anchors is \[N, 3, 7\], the manifest's kind 'yolo' means \[N, 21, 7\]/,
    ],
    [
      'a PicoDet with more heads than strides',
      { detector: { ...boxes, output: { kind: 'picodet', heads: ['a', 'b'], strides: [8], bins: 8 } } },
      { detector: boxesFile() },
      /as many heads as strides are needed/,
    ],
    [
      'an embedder with a letterbox',
      { embedder: { ...embedder, input: { ...input, letterbox: { pad: 114, at: 'centre' } } } },
      { embedder: embedderFile() },
      /letterbox/,
    ],
    [
      'a file that is no network',
      { detector: boxes },
      { detector: Buffer.from('not a network') },
      /detector\.onnx can't be opened/,
    ],
    [
      'an output of a kind that is not known',
      { detector: { ...boxes, output: { kind: 'ssd' } } },
      { detector: boxesFile() },
      /manifest\.json does not fit: .*output/s,
    ],
    [
      'a word that means nothing',
      { detector: { ...boxes, input: { ...input, colourOrder: 'BGR' } } },
      { detector: boxesFile() },
      /colourOrder/,
    ],
    [
      'a network that the manifest is not about',
      { detector: boxes },
      { embedder: embedderFile() },
      /is about a detector/,
    ],
    [
      'a pair of which one does not fit',
      { detector: boxes, embedder: { ...embedder, input: { ...input, name: 'pixels' } } },
      { detector: boxesFile(), embedder: embedderFile() },
      /the manifest's pixels/,
    ],
  ])('%s', async (_name, manifest, files, reason) => {
    await expect(add(manifest, files)).rejects.toMatchObject({
      code: expect.stringMatching(/^MODEL_/),
      message: expect.stringMatching(reason),
    })
    expect(await registered()).toEqual([])
  })

  test('a name that is taken', async () => {
    await add({ detector: boxes }, { detector: boxesFile() })
    await expect(add({ detector: boxes }, { detector: boxesFile() })).rejects.toThrow("there is a model 'finder'")
    expect(await registered()).toEqual(['finder'])
  })
})

test('what is used is what runs: a damaged or missing model is not put in use', async () => {
  await add({ detector: boxes, embedder }, { detector: boxesFile(), embedder: embedderFile() }, '--use')
  const other = { ...boxes, name: 'other' }
  await add({ detector: other }, { detector: boxesFile() })
  await writeFile(join(models, 'other', 'model.onnx'), boxesFile({ size: 64 }))
  await expect(call(modelsUseCommand, ['other', '--models', models])).rejects.toMatchObject({ code: 'MODEL_CORRUPT' })
  await expect(call(modelsUseCommand, ['none', '--models', models])).rejects.toMatchObject({ code: 'MODEL_MISSING' })
  const listed = await call(modelsListCommand, ['--models', models])
  expect(listed.out).toMatch(/^\* finder .*\n! other {2}.* is not the file its manifest describes .*\n\* tower /)
  expect(listed.code).toBe(1)
  expect(JSON.parse(await readFile(join(models, 'index.json'), 'utf8'))).toEqual({
    detector: 'finder',
    embedder: 'tower',
  })
})
