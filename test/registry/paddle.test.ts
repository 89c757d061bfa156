/** The published networks' own programs with seeded weights: pulled, converted by Paddle's tool, held against Paddle's run, used. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { modelsPullCommand } from '../../cli/commands/models-pull.ts'
import { readPicture } from '../../pipeline/pictures.ts'
import { unpack } from '../../registry/archive.ts'
import { type Role, roles } from '../../registry/catalogue.ts'
import { Kernels } from '../../shared/imaging/kernels/kernels.ts'
import { cropAndResize } from '../../shared/imaging/resize.ts'
import { runCli } from '../harness/cli.ts'
import { convertScript } from '../harness/paddle.ts'
import { product, writeProducts } from '../harness/pictures.ts'
import { requireService } from '../harness/services.ts'
import { startArchiveServer } from './archive-server.ts'
import { type Called, call } from './call.ts'
import { names, pair } from './test-archives.ts'

const paddle = await requireService('paddle')
const execute = promisify(execFile)

describe.skipIf(paddle === undefined)('PP-ShiTuV2 with seeded weights', () => {
  let root: string
  let models: string
  let pulled: Called

  beforeAll(async () => {
    const { python, graphs } = paddle!
    root = await mkdtemp(join(tmpdir(), 'sightline-'))
    models = join(root, 'models')
    const files: Record<string, Buffer> = {}
    for (const role of roles) {
      const to = join(root, pair[role].archive)
      await execute(python, [convertScript, 'make-archive', role, '--graphs', graphs, '--seed', '0', '--to', to])
      files[pair[role].archive] = await readFile(to)
    }
    await using server = await startArchiveServer(files)
    const args = ['--to', models, '--url-base', server.base, '--python', python]
    pulled = await call(modelsPullCommand, ['pp-shituv2', ...args, '--use', '--json'])
  }, 300_000)

  test('is pulled, computes what Paddle computes, and recognizes', { timeout: 60_000 }, async () => {
    expect(JSON.parse(pulled.out)).toEqual({ models, names, state: 'registered', inUse: true })
    expect(pulled.err).toMatch(/pp-shituv2-mainbody +Paddle: largest box difference, px .* ok\n/)
    expect(pulled.err).toMatch(/pp-shituv2-general +Paddle: least cosine of an embedding .* ok\n/)

    const labels = await writeProducts(root, 3)
    const gallery = join(root, 'products.gallery')
    const use = ['--gallery', gallery, '--models', models]
    expect((await runCli('gallery', 'build', '--labels', labels, '--root', root, ...use)).code).toBe(0)
    const whole = ['--detection-threshold', '1', '--whole-frame', 'always', '--json']
    const seen = await runCli('recognize', ...[0, 1, 2].map((number) => join(root, `p${number}.jpg`)), ...use, ...whole)
    expect(seen.json()).toMatchObject([0, 1, 2].map((number) => ({ objects: [{ item: `product-${number}` }] })))
    const detected = await runCli('recognize', join(root, 'p1.jpg'), ...use, '--detection-threshold', '0.05', '--json')
    expect(detected.json()).toMatchObject([{ models: { detector: { name: names[0] }, embedder: { name: names[1] } } }])
  })

  /** What Paddle's run of an original answers to the pictures of a folder, in order of name. */
  async function paddleAnswers<Answer>(role: Role, pictures: string): Promise<Answer[]> {
    const from = await mkdtemp(join(root, `${role}-`))
    await unpack(join(root, pair[role].archive), from)
    const [inside] = await readdir(from)
    const asked = [convertScript, 'original', role, '--from', join(from, inside!), '--pictures', pictures]
    const { stdout } = await execute(paddle!.python, asked, { maxBuffer: 2 ** 26 })
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Answer)
  }

  // Paddle's boxes, their crops, its vectors, the nearest of the gallery's, against `sightline recognize`.
  test('names the same things in the same places as Paddle does', { timeout: 120_000 }, async () => {
    for (const folder of ['gallery', 'scenes', 'crops']) await mkdir(join(root, folder))
    // At the networks' sizes: whose resize is nearer to OpenCV's is another test's business.
    const items = [0, 1, 2, 3, 4, 5]
    for (const item of items) {
      const picture = sharp(await product(item)).resize(224, 224, { fit: 'fill' })
      await picture.png().toFile(join(root, 'gallery', `${item}.png`))
    }
    const scenes = [0, 1, 2]
    for (const scene of scenes) {
      const things = [scene, scene + 1, scene + 2].map(async (number, index) => ({
        input: await product(number, { width: 200, height: 260 }),
        left: 20 + index * 210,
        top: 40 + 150 * ((index + scene) % 3),
      }))
      const ground = { create: { width: 640, height: 640, channels: 3 as const, background: '#8a7f70' } }
      await sharp(ground)
        .composite(await Promise.all(things))
        .png()
        .toFile(join(root, 'scenes', `${scene}.png`))
    }
    const boxesOf = await paddleAnswers<{ boxes: number[][] }>('detector', join(root, 'scenes'))
    const best = boxesOf.map(({ boxes }) => boxes.slice(0, 5).map(([, ...corners]) => corners))
    const kernels = new Kernels()
    for (const scene of scenes) {
      const pixels = await readPicture(join(root, 'scenes', `${scene}.png`))
      for (const [index, corners] of best[scene]!.entries()) {
        const [x1, y1, x2, y2] = corners.map(Math.trunc) as [number, number, number, number]
        const size = { width: 224, height: 224, interpolation: 'linear' } as const
        const crop = cropAndResize(kernels, { picture: pixels, rect: { x1, y1, x2, y2 }, ...size })
        const raw = { width: 224, height: 224, channels: 3 as const }
        await sharp(crop, { raw })
          .png()
          .toFile(join(root, 'crops', `${scene}-${index}.png`))
      }
    }
    const known = await paddleAnswers<{ embedding: number[] }>('embedder', join(root, 'gallery'))
    const asked = await paddleAnswers<{ embedding: number[] }>('embedder', join(root, 'crops'))
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0)
    const nearest = asked.map(({ embedding }) => {
      const scores = known.map((entry) => dot(embedding, entry.embedding))
      return `product ${scores.indexOf(Math.max(...scores))}`
    })
    const theirs = best.map((boxes) => boxes.map((box) => ({ box, item: nearest.shift() })))

    await writeFile(join(root, 'six.txt'), items.map((item) => `gallery/${item}.png\tproduct ${item}`).join('\n'))
    const six = ['--gallery', join(root, 'six.gallery'), '--models', models]
    await runCli('gallery', 'build', '--labels', join(root, 'six.txt'), '--root', root, ...six)
    const everything = [
      '--threshold=-1',
      '--nms-iou',
      '1',
      '--whole-frame',
      'never',
      '--detection-threshold',
      '0.001',
      '--scene',
      'normal',
    ]
    const frames = scenes.map((scene) => join(root, 'scenes', `${scene}.png`))
    const recognized = await runCli('recognize', ...frames, ...six, ...everything, '--max-boxes', '5', '--json')
    expect(recognized.err).toBe('')
    const ours = recognized.json() as unknown as { objects: { box: number[]; item: string }[] }[]
    for (const [scene, { objects }] of ours.entries()) {
      expect(objects).toHaveLength(5)
      for (const { box, item } of theirs[scene]!) {
        const near = expect.toSatisfy((corners: readonly number[]) =>
          corners.every((value, corner) => Math.abs(value - box[corner]!) <= 0.5),
        )
        expect(objects).toContainEqual(expect.objectContaining({ item, box: near }))
      }
    }
    expect(new Set(theirs.flat().map(({ item }) => item)).size).toBeGreaterThan(1)
  })
})
