/** A PicoDet with trained weights, ten classes and a wide input as PaddleDetection exports it: added, it finds what its own Python finds. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { modelsAddCommand } from '../../cli/commands/models-pull.ts'
import { readPicture } from '../../pipeline/pictures.ts'
import { openDetectorSession } from '../../services/detector/session.ts'
import { nonMaximumSuppression } from '../../shared/geometry/suppress.ts'
import { readDetector } from '../../shared/inference/models-folder.ts'
import { noise } from '../harness/noise.ts'
import { rapidLayoutBoxes } from '../harness/rapid-layout.ts'
import { requireService } from '../harness/services.ts'
import { call } from './call.ts'

const rapidLayout = await requireService('rapid-layout')

const manifest = {
  detector: {
    name: 'layout',
    input: {
      name: 'image',
      width: 608,
      height: 800,
      layout: 'NCHW',
      colorOrder: 'BGR',
      interpolation: 'linear',
      scale: 1 / 255,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      maxBatch: 1,
    },
    output: {
      kind: 'picodet',
      heads: [0, 2, 4, 6].map((number) => ({
        scores: `transpose_${number}.tmp_0`,
        distances: `transpose_${number + 1}.tmp_0`,
      })),
      strides: [8, 16, 32, 64],
      bins: 8,
      classes: 10,
    },
    defaults: { scoreThreshold: 0.4, maxBoxes: 100, nmsIou: 0.5 },
  },
}

/** Lines of strokes in the place of words, as a page seen from afar has them. */
function strokes(x: number, y: number, width: number, lines: number, { tall = 12, apart = 22, seed = 1 } = {}): string {
  const random = noise(lines * 400, seed)
  let next = 0
  let drawn = ''
  for (let line = 0; line < lines; line += 1) {
    const end = line === lines - 1 ? x + width * 0.6 : x + width
    for (let at = x; at < end - 20; at += 8) {
      const word = Math.min(20 + (random[next++]! % 60), end - at)
      for (let along = 0; along < word - 4; along += 7) {
        drawn += `<rect x="${at + along}" y="${y + line * apart}" width="4" height="${tall - (random[next++]! % 4)}"/>`
      }
      at += word
    }
  }
  return drawn
}

const page = (width: number, height: number, drawn: string): Promise<Buffer> =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fff"/>${drawn}</svg>`,
    ),
  )
    .png()
    .toBuffer()

const rule = (count: number, path: (index: number) => string): string =>
  `<g stroke="#000" stroke-width="2">${Array.from({ length: count }, (_, index) => `<path d="${path(index)}"/>`).join('')}</g>`

const pages = [
  page(
    1000,
    1300,
    `${strokes(300, 80, 400, 1, { tall: 26 })}${strokes(90, 180, 390, 14, { seed: 2 })}${strokes(520, 180, 390, 14, { seed: 3 })}
    <rect x="120" y="560" width="330" height="260" fill="#88a"/><circle cx="280" cy="680" r="90" fill="#c64"/>
    ${strokes(150, 840, 260, 1, { tall: 10, seed: 4 })}${strokes(520, 520, 390, 16, { seed: 5 })}${strokes(90, 900, 820, 14, { seed: 6 })}`,
  ),
  page(
    800,
    600,
    `${strokes(60, 60, 680, 10, { tall: 11, apart: 20, seed: 7 })}
    ${rule(6, (index) => `M100 ${320 + index * 40}H700`)}${rule(5, (index) => `M${100 + index * 150} 320V520`)}
    ${Array.from({ length: 20 }, (_, cell) => strokes(115 + (cell % 4) * 150, 332 + Math.floor(cell / 4) * 40, 100, 1, { tall: 11, seed: 8 + cell })).join('')}`,
  ),
]

describe.skipIf(rapidLayout === undefined)('a PicoDet with trained weights', () => {
  let models: string
  let pictures: string[]
  let theirs: Awaited<ReturnType<typeof rapidLayoutBoxes>>

  beforeAll(async () => {
    const root = await mkdtemp(join(tmpdir(), 'sightline-'))
    models = join(root, 'models')
    pictures = []
    for (const [index, drawn] of pages.entries()) {
      const path = join(root, `${index}.png`)
      await writeFile(path, await drawn)
      pictures.push(path)
    }
    theirs = await rapidLayoutBoxes(rapidLayout!.python, pictures)
    await writeFile(join(root, 'manifest.json'), JSON.stringify(manifest))
    const files = ['--manifest', join(root, 'manifest.json'), '--detector', theirs.model]
    await call(modelsAddCommand, ['--models', models, ...files])
  })

  test('finds the boxes that its own Python finds, those of all classes together', { timeout: 60_000 }, async () => {
    const model = await readDetector(models, 'layout')
    await using session = await openDetectorSession(model, { wholeFrame: 'never' }, { workers: 1, threadsPerWorker: 1 })
    for (const [index, picture] of pictures.entries()) {
      // Theirs are suppressed in each class by itself: what two classes see in one place is one thing here.
      const all = theirs.boxes[index]!.map(([x1, y1, x2, y2, score]) => ({
        x1: x1!,
        y1: y1!,
        x2: x2!,
        y2: y2!,
        score: score!,
      }))
      const expected = nonMaximumSuppression(all, 0.5, 100).map((kept) => all[kept]!)
      expect(expected.length).toBeGreaterThanOrEqual(2)
      const { boxes } = await session.submit({ pixels: await readPicture(picture) })
      expect(boxes.length).toBe(expected.length)
      for (const [place, box] of expected.entries()) {
        const ours = boxes[place]!
        expect(ours.score).toBeCloseTo(box.score, 3)
        for (const corner of ['x1', 'y1', 'x2', 'y2'] as const) {
          expect(Math.abs(ours[corner] - box[corner])).toBeLessThanOrEqual(0.5)
        }
      }
    }
  })
})
