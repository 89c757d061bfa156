/** A frame is looked at as its scene says: once as a whole, or closely where that is asked for or worth it. */
import { describe, expect, test } from 'vitest'
import type { Candidates } from '../../../services/detector/decode.ts'
import type { DetectedBox } from '../../../services/detector/detected-box.ts'
import { leastScore, lookAt } from '../../../services/detector/look.ts'
import { type SceneMode, type SceneOptions, scenesOf } from '../../../services/detector/scene.ts'
import type { PixelRect } from '../../../shared/imaging/rows.ts'
import { detectorInput } from './detector-input.ts'

const frame = { width: 1000, height: 1000 }
const defaults = { scoreThreshold: 0.5, maxBoxes: 5, nmsIou: 0.6, topPerLevel: 1000, dense: { scoreThreshold: 0.3 } }

const box = (x1: number, y1: number, side: number, score: number): DetectedBox => ({
  x1,
  y1,
  x2: x1 + side,
  y2: y1 + side,
  score,
})
/** Ten packages in two rows. */
const row = (score: number): DetectedBox[] =>
  Array.from({ length: 10 }, (_, index) => box(20 + (index % 5) * 200, 100 + Math.floor(index / 5) * 300, 90, score))

interface Shown {
  readonly scene?: SceneMode
  readonly options?: SceneOptions
  readonly whole: readonly DetectedBox[]
  /** What is there: each part shows what of it lies in it, cut at its borders. */
  readonly close?: readonly DetectedBox[]
  readonly isSuppressed?: boolean
}

async function look({ scene = 'auto', options = {}, whole, close = [], isSuppressed = false }: Shown) {
  const scenes = scenesOf({ defaults }, options)
  const parts: PixelRect[] = []
  const seen = await lookAt({
    frame,
    scene,
    scenes,
    input: detectorInput(256, 256),
    whole: { boxes: whole.filter(({ score }) => score >= leastScore(scenes, scene)), isSuppressed },
    async see(some, least): Promise<readonly Candidates[]> {
      parts.push(...some)
      return some.map((part) => ({
        boxes: close.flatMap(({ x1, y1, x2, y2, score }) => {
          const cut = {
            x1: Math.max(x1, part.x1),
            y1: Math.max(y1, part.y1),
            x2: Math.min(x2, part.x2),
            y2: Math.min(y2, part.y2),
          }
          return cut.x2 > cut.x1 && cut.y2 > cut.y1 && score >= least ? [{ ...cut, score }] : []
        }),
        isSuppressed,
      }))
    },
  })
  return { ...seen, parts }
}

describe('without a word of its manifest', () => {
  const { dense: _, ...plain } = defaults
  test.each([
    [
      { scoreThreshold: 0.54, nmsIou: 0.6 },
      { scoreThreshold: 0.3, nmsIou: 0.55, maxBoxes: 300 },
    ],
    [
      { scoreThreshold: 0.2, nmsIou: 0.45 },
      { scoreThreshold: 0.2, nmsIou: 0.45, maxBoxes: 300 },
    ],
  ])('a detector of %o looks closely with %o', (its, dense) => {
    expect(scenesOf({ defaults: { ...plain, ...its } }, {}).dense).toMatchObject(dense)
  })

  test('what is asked for goes before all defaults, in any scene', () => {
    const asked = { scoreThreshold: 0.7, nmsIou: 0.1, maxBoxes: 9 }
    const { normal, dense, auto } = scenesOf({ defaults }, asked)
    expect([normal, dense, auto]).toEqual(Array.from({ length: 3 }, () => ({ ...asked, topPerLevel: 1000 })))
  })
})

describe('a normal scene', () => {
  test('is one look, with the detector’s own threshold and number of boxes, however crowded', async () => {
    const { boxes, scene, grid, parts } = await look({ scene: 'normal', whole: [...row(0.9), box(0, 700, 90, 0.4)] })
    expect([boxes.length, scene, grid, parts]).toEqual([5, 'normal', { columns: 1, rows: 1 }, []])
  })
})

describe('auto', () => {
  test('is one look where there are few boxes, and leaves none out for their number', async () => {
    const seven = row(0.9).slice(0, 7)
    const { boxes, scene, parts, options } = await look({ whole: [...seven, box(0, 700, 90, 0.4)] })
    expect([boxes.length, scene, parts, options.scoreThreshold]).toEqual([7, 'normal', [], 0.5])
  })

  test('is one look where there are many, but large ones', async () => {
    const large = Array.from({ length: 9 }, (_, index) => box((index % 3) * 330, Math.floor(index / 3) * 330, 300, 0.9))
    expect(await look({ whole: large })).toMatchObject({ scene: 'normal', parts: [] })
  })

  test('is not misled by one thing that is seen many times', async () => {
    const again = Array.from({ length: 20 }, (_, index) => box(100 + index, 100, 90, 0.9 - index / 100))
    expect(await look({ whole: again })).toMatchObject({ scene: 'normal', parts: [] })
  })

  test('looks closely where it is crowded, with the threshold of a dense scene', async () => {
    const weak = box(700, 700, 60, 0.35)
    const { boxes, scene, grid, parts, options } = await look({ whole: row(0.6), close: [...row(0.8), weak] })
    expect([scene, grid, parts.length, options.scoreThreshold]).toEqual(['dense', { columns: 2, rows: 2 }, 4, 0.3])
    expect(boxes).toHaveLength(11)
    expect(boxes).toEqual(expect.arrayContaining([...row(0.8), weak]))
  })

  test('judges by the detector’s own threshold, whichever is asked for', async () => {
    expect(await look({ whole: row(0.6), options: { scoreThreshold: 0.95 } })).toMatchObject({ scene: 'dense' })
    expect(await look({ whole: row(0.4), options: { scoreThreshold: 0.1 } })).toMatchObject({ scene: 'normal' })
  })
})

describe('a dense scene', () => {
  const dense = (shown: Omit<Shown, 'scene'>) => look({ scene: 'dense', ...shown })

  test('sees each thing once, also what two tiles see', async () => {
    const twice = box(455, 455, 90, 0.7)
    const { boxes, parts } = await dense({ whole: [], close: [twice] })
    expect(parts.filter((part) => part.x1 < 455 && part.x2 > 545).length).toBeGreaterThan(1)
    expect(boxes).toEqual([twice])
  })

  test('takes what no tile sees whole from the look at the whole frame, and no pieces of it', async () => {
    const large = box(150, 150, 700, 0.7)
    expect((await dense({ whole: [large], close: [large] })).boxes).toEqual([large])
  })

  test('takes small things from the tiles alone: from afar they are seen badly', async () => {
    const [afar, close] = [box(100, 100, 120, 0.9), box(90, 110, 60, 0.6)]
    expect((await dense({ whole: [afar], close: [close] })).boxes).toEqual([close])
  })

  test('has the tiles that are asked for', async () => {
    const { parts, grid } = await dense({ whole: [], options: { tiles: { columns: 3, rows: 1 } } })
    expect([parts.length, grid]).toEqual([3, { columns: 3, rows: 1 }])
  })

  test('keeps the best of more boxes than are asked for', async () => {
    const { boxes } = await dense({ whole: [], close: [...row(0.6), ...row(0.8)], options: { maxBoxes: 4 } })
    expect(boxes.map(({ score }) => score)).toEqual([0.8, 0.8, 0.8, 0.8])
  })

  test('suppresses between tiles also where the graph does so in each', async () => {
    const twice = box(455, 455, 90, 0.7)
    expect((await dense({ whole: [], close: [twice], isSuppressed: true })).boxes).toEqual([twice])
  })
})
