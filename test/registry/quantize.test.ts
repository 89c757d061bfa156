/** The int8 form of a registered model: calibrated on the user's pictures, measured on them, and registered only if it is right. */
import { cp, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, describe, expect, test } from 'vitest'
import { modelsVerifyCommand } from '../../cli/commands/models.ts'
import { modelsAddCommand } from '../../cli/commands/models-pull.ts'
import { modelsQuantizeCommand } from '../../cli/commands/models-quantize.ts'
import { bundledModels } from '../../shared/inference/models-folder.ts'
import { runCli } from '../harness/cli.ts'
import { embedderFile, fixedAnswers, mutedEmbedderFile, yoloFile } from '../harness/networks.ts'
import { product } from '../harness/pictures.ts'
import { requireService } from '../harness/services.ts'
import { type Called, call } from './call.ts'

const int8 = await requireService('int8')

let root: string
let models: string
let pictures: string
let labels: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  models = join(root, 'models')
  pictures = join(root, 'pictures')
  labels = join(root, 'labels.txt')
  await mkdir(models)
  await mkdir(pictures)
  for (const name of ['general-lite', 'mainbody-lite', 'index.json']) {
    await cp(join(bundledModels, name), join(models, name), { recursive: true })
  }
  // Six products, each on two grounds.
  const lines: string[] = []
  for (let number = 0; number < 6; number += 1) {
    for (const [index, ground] of ['#b8b2a7', '#40484f'].entries()) {
      const file = `p${number}-${index}.jpg`
      await writeFile(join(pictures, file), await product(number, { ground }))
      lines.push(`${file}\tproduct ${number}`)
    }
  }
  await writeFile(labels, lines.join('\n'))
})

const quantize = (...words: string[]): Promise<Called> =>
  call(modelsQuantizeCommand, [...words, '--models', models, '--python', int8?.python ?? 'python3'])
const labelled = (): string[] => ['--labels', labels, '--root', pictures]
const there = async (): Promise<string[]> => (await readdir(models)).toSorted()
const before = ['general-lite', 'index.json', 'mainbody-lite']

const add = async (role: 'detector' | 'embedder', name: string, size: number, output: object, file: Buffer) => {
  const [mean, std] = [
    [0.5, 0.5, 0.5],
    [0.5, 0.5, 0.5],
  ]
  const feed = { layout: 'NCHW', colorOrder: 'RGB', interpolation: 'linear', scale: 1 / 255, mean, std }
  const input = { name: 'image', width: size, height: size, ...feed }
  const manifest = { [role]: { name, input, output, defaults: { scoreThreshold: 0.25 } } }
  await writeFile(join(root, 'manifest.json'), JSON.stringify(manifest))
  await writeFile(join(root, 'model.onnx'), file)
  const files = ['--manifest', join(root, 'manifest.json'), `--${role}`, join(root, 'model.onnx')]
  await call(modelsAddCommand, [...files, '--models', models])
}
const vector = { kind: 'embedding', name: 'vector', dimension: 768 }

describe.skipIf(int8 === undefined)('a model becomes an int8 model', () => {
  test('an embedder on the gallery it is for, put in use, searched with', { timeout: 120_000 }, async () => {
    await writeFile(join(pictures, 'broken.jpg'), 'no picture')
    await writeFile(labels, `${await readFile(labels, 'utf8')}\nbroken.jpg\tproduct 1\nnothing`)
    const made = await quantize('general-lite', ...labelled(), '--use')
    expect(made.err).toContain('line 14: ')
    expect(made.err).toMatch(/broken\.jpg: IMAGE_UNREADABLE: .*left out/)
    expect(made.err).toMatch(/recall@1 of 6 pictures +1\.0000 +1\.0000 +0\.0000\n/)
    expect(made.err).toMatch(/median cosine to the float form +1\.0000 +0\.9\d+ +0\.0\d+\n/)
    expect(made.out).toBe('general-lite-int8: registered, in use\n')
    expect(await there()).toEqual(['general-lite', 'general-lite-int8', 'index.json', 'mainbody-lite'])
    const [float, small] = await Promise.all(
      ['general-lite', 'general-lite-int8'].map((name) => stat(join(models, name, 'model.onnx'))),
    )
    expect(small!.size).toBeLessThan(float!.size / 3)
    const manifest = JSON.parse(await readFile(join(models, 'general-lite-int8', 'manifest.json'), 'utf8'))
    expect(manifest.provenance).toMatchObject({
      quantizedFrom: { name: 'general-lite' },
      calibratedWith: { pictures: 12 },
    })
    expect(manifest.metrics['recall@1 of 6 pictures']).toMatchObject({ value: 1, float: 1 })
    expect((await call(modelsVerifyCommand, ['--models', models])).code).toBe(0)

    const use = ['--gallery', join(root, 'products.gallery'), '--models', models]
    expect((await runCli('gallery', 'build', '--labels', labels, '--root', pictures, ...use)).code).toBe(0)
    const whole = ['--detection-threshold', '1', '--whole-frame', 'always', '--json']
    const seen = await runCli('recognize', join(pictures, 'p3-1.jpg'), ...use, ...whole)
    expect(seen.json()).toMatchObject([
      { models: { embedder: { name: 'general-lite-int8' } }, objects: [{ item: 'product 3' }] },
    ])
  })

  test('a detector on pictures without labels', { timeout: 120_000 }, async () => {
    const made = await quantize('mainbody-lite', '--pictures', pictures, '--as', 'small', '--most-lost', '1', '--json')
    const [, count] = /the float form's (\d+) boxes as truth/.exec(made.err) ?? []
    expect(Number(count)).toBeGreaterThanOrEqual(12)
    const [, found] = /share of these boxes found +1\.0000 +(\S+)/.exec(made.err) ?? []
    expect(Number(found)).toBeGreaterThan(0.6)
    expect(JSON.parse(made.out)).toEqual({ models, names: ['small'], state: 'registered', inUse: false })
    expect((await call(modelsVerifyCommand, ['small', '--models', models])).code).toBe(0)
  })
})

describe.skipIf(int8 === undefined)('a graph that decodes its boxes itself', () => {
  test('keeps scores and pixels apart', { timeout: 60_000 }, async () => {
    await add('detector', 'my-yolo', 320, { kind: 'yolo', name: 'anchors', classes: 1 }, yoloFile())
    const made = await quantize('my-yolo', '--pictures', pictures)
    expect(made.err).toMatch(/the float form's 48 boxes as truth +1\.0000 +1\.0000 +0\.0000\n/)
    expect(made.out).toContain('my-yolo-int8: registered')
  })

  test('is not quantized where nothing in it computes', async () => {
    const row = [0, 0, 16, 32, 0.9, 0]
    const output = { kind: 'boxes', boxes: 'boxes', units: 'pixels' }
    await add('detector', 'fixed', 32, output, fixedAnswers([{ name: 'boxes', dims: [1, 6], values: row }]))
    await expect(quantize('fixed', '--pictures', pictures)).rejects.toMatchObject({
      code: 'MODEL_CONVERSION',
      message: expect.stringMatching(/has no convolution or matrix product to quantize/),
    })
  })
})

describe.skipIf(int8 === undefined)('nothing is registered, and the reason is told,', () => {
  const failing = async (words: string[], code: string, message: RegExp): Promise<void> => {
    const found = await there()
    await expect(quantize(...words)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(await there()).toEqual(found)
  }

  test('where int8 loses what tells the pictures apart', async () => {
    // One channel that is three hundred times stronger on the way: whole numbers up to 255 have no room for the others.
    await add('embedder', 'muted', 32, vector, mutedEmbedderFile())
    const colours = [20, 90, 160, 230].map((green) => ({ r: 200, g: green, b: 255 - green }))
    const grounds = [...colours, ...colours, { r: 255, g: 0, b: 0 }, { r: 0, g: 0, b: 0 }]
    for (const [index, background] of grounds.entries()) {
      await sharp({ create: { width: 40, height: 40, channels: 3, background } })
        .png()
        .toFile(join(pictures, `c${index}.png`))
    }
    await writeFile(labels, grounds.map(({ r, g }, index) => `c${index}.png\tred ${r} green ${g}`).join('\n'))
    await failing(
      ['muted', ...labelled()],
      'MODEL_CONVERSION',
      /muted-int8 was not registered: int8 loses 0\.\d+, more than 0\.02/,
    )
  })

  test('where it is int8 already', async () => {
    await cp(join(bundledModels, 'general-lite-int8'), join(models, 'general-lite-int8'), { recursive: true })
    await failing(['general-lite-int8', ...labelled()], 'MODEL_CONVERSION', /is quantized already/)
    await failing(['general-lite', ...labelled()], 'MODEL_CONTRACT', /there is a model 'general-lite-int8'/)
  })

  test('where what is lost could not be told', async () => {
    await failing(['general-lite', '--pictures', pictures], 'USAGE', /name its pictures with --labels/)
    await failing(['general-lite'], 'USAGE', /--labels FILE or --pictures PATH/)
    await failing(['nothing', ...labelled()], 'MODEL_MISSING', /nothing/)
    await writeFile(labels, 'p1-0.jpg\tone\np2-0.jpg\ttwo')
    await failing(['general-lite', ...labelled()], 'LABELS_UNREADABLE', /no label has two pictures/)
    await writeFile(labels, 'gone.jpg\tone\nlost.jpg\tone')
    await failing(['general-lite', ...labelled()], 'FILE_UNREADABLE', /none of the pictures/)
    expect(await there()).toEqual(before)
  })

  test('where the Python has not what it needs', async () => {
    await add('embedder', 'tower', 32, vector, embedderFile())
    const command = ['tower', ...labelled(), '--models', models, '--python', '/bin/false']
    await expect(call(modelsQuantizeCommand, command)).rejects.toMatchObject({
      code: 'MODEL_CONVERSION',
      message: expect.stringMatching(/\/bin\/false can't convert.*pip install -r .*requirements-int8\.txt/),
    })
  })
})
