/** The conversion from Paddle: Sightline's own sessions on what it wrote answer pictures as Paddle's run of the original does. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { unpack } from '../../../registry/archive.ts'
import { cataloguePair, type Role, roles } from '../../../registry/catalogue.ts'
import { type Converter, openConverter } from '../../../registry/converter.ts'
import { verifyDetector, verifyEmbedder } from '../../../registry/verification.ts'
import { openDetectorSession } from '../../../services/detector/session.ts'
import { openEmbedderSession } from '../../../services/embedder/session.ts'
import type { Pixels } from '../../../shared/imaging/decode.ts'
import { convertScript } from '../../harness/paddle.ts'
import { product } from '../../harness/pictures.ts'
import { requireService } from '../../harness/services.ts'

const paddle = await requireService('paddle')
const pair = cataloguePair('pp-shituv2')
const workers = { workers: 1, threadsPerWorker: 1 }

/** Writes a network again with one weight (a scale, or a number of a filter) of an operator of the kind in its middle half as large again. */
const spoilt = `
import sys
import numpy as np, onnx
from onnx import numpy_helper
model = onnx.load(sys.argv[1])
names = [node.input[1] for node in model.graph.node if node.op_type == sys.argv[2]]
name = names[len(names) // 2]
tensors = [node.attribute[0].t for node in model.graph.node if node.op_type == "Constant" and node.output[0] == name]
tensors += [tensor for tensor in model.graph.initializer if tensor.name == name]
weights = numpy_helper.to_array(tensors[0]).copy()
weights.reshape(-1)[np.abs(weights).argmax()] *= 1.5
tensors[0].CopyFrom(numpy_helper.from_array(weights, tensors[0].name))
onnx.save(model, sys.argv[3])
`

describe.skipIf(paddle === undefined)('a network that was converted', { timeout: 120_000 }, () => {
  let root: string
  let converter: Converter

  const convertPy = (...args: readonly string[]) =>
    promisify(execFile)(paddle!.python, [convertScript, ...args], { maxBuffer: 2 ** 26 })
  const makeArchive = (role: Role, to: string) =>
    convertPy('make-archive', role, '--graphs', paddle!.graphs, '--seed', '3', '--to', to)
  const tar = (role: Role): string => join(root, `${role}.tar`)
  const original = async (role: Role): Promise<string> => {
    const [folder] = await readdir(join(root, role))
    return join(root, role, folder!)
  }
  const converted = async (role: Role) => {
    const to = await mkdtemp(join(root, 'converted-'))
    const conversion = await converter.convert(role, await original(role), to)
    const onnx = join(to, 'model.onnx')
    const { size } = await stat(onnx)
    return { onnx, conversion, about: { schema: 1, file: 'model.onnx', sha256: '0'.repeat(64), bytes: size } as const }
  }

  /** Three pictures at a network's size, and Paddle's answers to them. */
  async function answered<Answer>(role: Role): Promise<{ pictures: readonly Pixels[]; answers: readonly Answer[] }> {
    const { width, height } = pair[role].input
    const folder = join(root, `pictures-${role}`)
    await mkdir(folder)
    const pictures: Pixels[] = []
    for (const number of [0, 1, 2]) {
      const png = await sharp(await product(number))
        .resize(width, height, { fit: 'fill' })
        .removeAlpha()
        .png()
        .toBuffer()
      await writeFile(join(folder, `${number}.png`), png)
      pictures.push({ data: new Uint8Array(await sharp(png).raw().toBuffer()), width, height })
    }
    const { stdout } = await convertPy('original', role, '--from', await original(role), '--pictures', folder)
    const lines = stdout.trim().split('\n')
    return { pictures, answers: lines.map((line) => JSON.parse(line) as Answer) }
  }

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'sightline-'))
    converter = await openConverter({
      needs: 'paddle',
      python: paddle!.python,
      env: {},
      stop: new AbortController().signal,
      tell: () => undefined,
    })
    for (const role of roles) {
      await makeArchive(role, tar(role))
      await mkdir(join(root, role))
      await unpack(tar(role), join(root, role))
    }
  }, 120_000)

  test('detects the boxes that Paddle detects', async () => {
    const { onnx, conversion, about } = await converted('detector')
    expect(conversion.outputs).toEqual(['head_8', 'head_16', 'head_32', 'head_64'])
    expect(conversion.parity!.every(({ ok }) => ok)).toBe(true)
    const { manifest } = await verifyDetector(pair.detector, onnx, conversion, {})
    if (manifest.task !== 'detector') throw new Error(`a ${manifest.task}`)
    const all = { scoreThreshold: 0.025, maxBoxes: 100, wholeFrame: 'never' } as const
    await using session = await openDetectorSession({ manifest: { ...manifest, ...about }, path: onnx }, all, workers)
    const { pictures, answers } = await answered<{ boxes: number[][] }>('detector')
    const found = await Promise.all(pictures.map((pixels) => session.submit({ pixels })))
    for (const [index, { boxes }] of found.entries()) {
      const theirs = answers[index]!.boxes
      expect(boxes.length).toBe(theirs.length)
      expect(boxes.length).toBeGreaterThan(5)
      for (const [score, ...corners] of theirs) {
        const apart = boxes.map((box) => ({
          pixels: Math.max(
            ...[box.x1, box.y1, box.x2, box.y2].map((value, corner) => Math.abs(value - corners[corner]!)),
          ),
          score: Math.abs(box.score - score!),
        }))
        expect(apart).toContainEqual({
          pixels: expect.toSatisfy((value: number) => value <= 0.5),
          score: expect.toSatisfy((value: number) => value <= 2e-4),
        })
      }
    }
  })

  test('embeds as Paddle embeds', async () => {
    const { onnx, conversion, about } = await converted('embedder')
    expect(conversion.parity!.every(({ ok }) => ok)).toBe(true)
    const { manifest } = await verifyEmbedder(pair.embedder, onnx, conversion, {})
    if (manifest.task !== 'embedder') throw new Error(`a ${manifest.task}`)
    await using session = await openEmbedderSession({ manifest: { ...manifest, ...about }, path: onnx }, workers)
    const { pictures, answers } = await answered<{ embedding: number[] }>('embedder')
    const found = await Promise.all(pictures.map((pixels) => session.submit({ pixels })))
    const cosines = found.map((vector) =>
      answers.map(({ embedding }) => embedding.reduce((sum, value, index) => sum + value * vector[index]!, 0)),
    )
    for (const [index, row] of cosines.entries()) {
      expect(row[index]).toBeGreaterThan(0.9999)
      expect(Math.max(...row.filter((_, other) => other !== index))).toBeLessThan(0.99)
    }
  })

  // A network whose rounding grows from layer to layer: Paddle itself is as far from Paddle as what was converted.
  test.each(roles)('passes where the original is noisy itself, and not with one wrong weight: the %s', async (role) => {
    const folder = await mkdtemp(join(root, 'noisy-'))
    const archive = join(folder, 'noisy.tar')
    const graphs = ['--graphs', paddle!.graphs, '--seed', '4', '--noisy']
    await convertPy('make-archive', role, ...graphs, '--to', archive)
    await mkdir(join(folder, 'unpacked'))
    await unpack(archive, join(folder, 'unpacked'))
    const [inside] = await readdir(join(folder, 'unpacked'))
    const from = join(folder, 'unpacked', inside!)
    const { parity } = await converter.convert(role, from, folder)
    expect(parity!.filter(({ ok }) => !ok)).toEqual([])
    for (const op of role === 'detector' ? ['BatchNormalization'] : ['BatchNormalization', 'Conv']) {
      const wrong = join(folder, `${op}.onnx`)
      await promisify(execFile)(paddle!.python, ['-c', spoilt, join(folder, 'model.onnx'), op, wrong])
      const compared = convertPy('parity', role, '--from', from, '--onnx', wrong)
      await expect(compared).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringMatching(
          /difference of the outputs, of their size .* FAILED\nweights that are not the original's +1 +limit 0 +FAILED/,
        ),
      })
    }
  })

  test('is not made of the other network, of half a file, or of nothing', async () => {
    const to = await mkdtemp(join(root, 'refused-'))
    const refuse = (role: Role, from: string) => expect(converter.convert(role, from, to)).rejects
    await refuse('detector', await original('embedder')).toThrow(
      /no class\/distance split .* is it a PicoDet detector\?$/,
    )
    await refuse('embedder', await original('detector')).toThrow(/not with one vector a picture: is it an embedder\?$/)
    await refuse('embedder', to).toThrow('inference.pdmodel: No such file')
    for (const file of ['inference.pdmodel', 'inference.pdiparams']) {
      await copyFile(join(await original('embedder'), file), join(to, file))
    }
    await truncate(join(to, 'inference.pdiparams'), 1_000_000)
    await refuse('embedder', to).toThrow(/inference\.pdiparams has 1000000 bytes, the program needs 18\d+ or more/)
    await truncate(join(to, 'inference.pdmodel'), 1_000_000)
    await refuse('embedder', to).toThrow('inference.pdmodel is no Paddle program, or is cut short')
    expect(await readdir(to)).not.toContain('model.onnx')
  })

  test('comes from an archive that is the same for a seed', async () => {
    const again = join(root, 'again.tar')
    await makeArchive('embedder', again)
    expect((await readFile(again)).equals(await readFile(tar('embedder')))).toBe(true)
  })
})
