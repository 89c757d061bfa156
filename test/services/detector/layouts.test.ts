/** Every layout that a detector's manifest can name, letterboxed or stretched, agrees with a plain numpy reading of it. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decode } from '../../../services/detector/decode.ts'
import { placementOf, toFrame, toNetworkSize } from '../../../services/detector/placement.ts'
import { Kernels } from '../../../shared/imaging/kernels/kernels.ts'
import { type DetectorOutput, detectorOutputSchema } from '../../../shared/inference/detector-output.ts'
import type { Outputs } from '../../../shared/inference/input-tensor.ts'
import type { DetectorInput } from '../../../shared/inference/model-manifest.ts'
import type { Tensor } from '../../../shared/inference/session.ts'
import { noise } from '../../harness/noise.ts'
import { detectorInput } from './detector-input.ts'

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../golden/${name}.json`, import.meta.url), 'utf8')) as T

const frame = { width: 300, height: 100 }
const options = { scoreThreshold: 0.5, maxBoxes: 1000, nmsIou: 0.5, topPerLevel: 1000 }
const [width, height] = [96, 64]
const centre = { pad: 114, at: 'centre' } as const
const topLeft = { pad: 114, at: 'top-left' } as const

/** Values 0 … 1 of a seed as the second picture of two, each times what stands for its column. */
function tensor(dims: readonly number[], seed: number, of: (value: number, index: number) => number): Tensor {
  const count = dims.reduce((product, size) => product * size, 1)
  const values = Array.from(noise(count, seed), (byte, index) => of(byte / 255, index))
  // The first picture sees something everywhere: whoever reads it by mistake finds other boxes.
  return { data: Float32Array.from([...values.map(() => 1), ...values]), dims: [2, ...dims] }
}

const sizes = [width, height, width / 2, height / 2]
const rows = tensor([40, 8], 11, (value, index) => value * (sizes[index % 8] ?? 1))
const columns = (of: readonly number[]): Tensor =>
  tensor([7, 40], 12, (value, index) => value * (of[Math.floor(index / 40)] ?? 1))

const v5 = { kind: 'yolo', name: 'y', classes: 3, axes: 'anchors values', objectness: true } as const
const v8 = { kind: 'yolo', name: 'y', classes: 3 } as const
const levels = [16, 64].map((stride) => Math.ceil(width / stride) * Math.ceil(height / stride))

const cases: Readonly<Record<string, readonly [DetectorOutput, Outputs, DetectorInput['letterbox']?]>> = {
  v5: [v5, { y: rows }],
  'v5 letterbox': [v5, { y: rows }, centre],
  'yolox decoded': [v5, { y: rows }, topLeft],
  'yolox cells': [
    { ...v5, units: 'cells' },
    { y: tensor([126, 8], 15, (value, index) => ([2, 3].includes(index % 8) ? value * 2 - 1 : value)) },
    topLeft,
  ],
  'v8 letterbox': [v8, { y: columns(sizes) }, centre],
  'v8 fraction': [{ ...v8, units: 'fraction' }, { y: columns([1, 1, 0.5, 0.5]) }],
  corners: [
    { ...v8, scores: 's', axes: 'anchors values', box: 'x1 y1 x2 y2' },
    {
      y: tensor([40, 4], 13, (value, index) => value * (index % 2 === 0 ? width : height)),
      s: tensor([40, 3], 14, (value) => value),
    },
  ],
  'picodet apart': [
    {
      kind: 'picodet',
      heads: [
        { scores: 's0', distances: 'd0' },
        { scores: 's1', distances: 'd1' },
      ],
      strides: [16, 64],
      bins: 4,
      classes: 3,
    },
    Object.fromEntries(
      levels.flatMap((cells, level) => [
        [`s${level}`, tensor([cells, 3], 20 + level, (value) => value)],
        [`d${level}`, tensor([cells, 16], 30 + level, (value) => value * 8 - 4)],
      ]),
    ),
  ],
}

describe('the layout', () => {
  const answers = golden<Record<string, number[][]>>('layouts')

  test('of each case has an answer', () => {
    expect(Object.keys(answers).sort()).toEqual(Object.keys(cases).sort())
  })

  test.each(Object.keys(cases))('%s', (name) => {
    const [output, found, letterbox] = cases[name]!
    const expected = answers[name]!
    expect(expected.length).toBeGreaterThan(2)
    const boxes = decode(output, found, 1, detectorInput(width, height, letterbox), frame, options)
    const rounded = boxes.map(({ x1, y1, x2, y2, score }) => [x1, y1, x2, y2, score])
    expect(rounded.length).toBe(expected.length)
    for (const [index, numbers] of expected.entries()) {
      for (const [at, value] of numbers.entries()) expect(rounded[index]![at]).toBeCloseTo(value, at === 4 ? 5 : 2)
    }
  })
})

test('heads of PicoDet may have several classes in one output, too', () => {
  const apart = cases['picodet apart']!
  const [, found] = apart
  const joined: Record<string, Tensor> = {}
  for (const [level, cells] of levels.entries()) {
    const [scores, distances] = [found[`s${level}`]!.data, found[`d${level}`]!.data]
    const data = new Float32Array(2 * 19 * cells)
    for (let picture = 0; picture < 2; picture += 1) {
      for (let cell = 0; cell < cells; cell += 1) {
        for (let value = 0; value < 19; value += 1) {
          const p = scores[(picture * cells + cell) * 3 + value]!
          const logit = Math.log(p / (1 - p))
          const distance = distances[(picture * cells + cell) * 16 + value - 3]!
          data[(picture * 19 + value) * cells + cell] = value < 3 ? logit : distance
        }
      }
    }
    const stride = [16, 64][level]!
    joined[`h${level}`] = { data, dims: [2, 19, Math.ceil(height / stride), Math.ceil(width / stride)] }
  }
  const output: DetectorOutput = { kind: 'picodet', heads: ['h0', 'h1'], strides: [16, 64], bins: 4, classes: 3 }
  const input = detectorInput(width, height)
  const [expected, boxes] = [
    decode(apart[0], found, 1, input, frame, options),
    decode(output, joined, 1, input, frame, options),
  ]
  expect(boxes.length).toBe(expected.length)
  for (const [index, box] of boxes.entries()) expect(box.x1).toBeCloseTo(expected[index]!.x1, 3)
})

describe('a letterboxed picture', () => {
  const picture = { data: noise(61 * 43 * 3, 7), width: 61, height: 43 }

  test.each(Object.entries(golden<Record<string, string>>('letterbox')))(
    'of %s has the pixels that its trainer sees',
    (name, hex) => {
      const [, across, down, at] = /^(\d+)x(\d+) (centre|top-left)$/.exec(name)!
      const input = detectorInput(Number(across), Number(down), { pad: 114, at: at as 'centre' | 'top-left' })
      expect(Buffer.from(toNetworkSize(new Kernels(), picture, input)).toString('hex')).toBe(hex)
    },
  )

  test.each([centre, topLeft])('leads back to where things are: $at', (letterbox) => {
    for (const size of [
      { width: 1920, height: 1080 },
      { width: 333, height: 777 },
      { width: 10, height: 1000 },
    ]) {
      const placed = placementOf(detectorInput(640, 480, letterbox), size)
      const inside = { x1: placed.left, y1: placed.top, x2: placed.left + placed.width, y2: placed.top + placed.height }
      const [whole] = toFrame([{ ...inside, score: 1 }], placed, size)
      // A side is rounded to whole pixels of the input.
      expect(whole!.x1).toBeCloseTo(0)
      expect(Math.abs(whole!.x2 - size.width)).toBeLessThanOrEqual(placed.scaleX)
      expect(Math.abs(whole!.y2 - size.height)).toBeLessThanOrEqual(placed.scaleY)
    }
  })

  test('keeps a pixel of the thinnest frame', () => {
    expect(placementOf(detectorInput(64, 64, topLeft), { width: 1, height: 10_000 })).toMatchObject({ width: 1 })
  })
})

test.each([
  ['fewer strides than heads', { kind: 'picodet', heads: ['a', 'b'], strides: [8], bins: 8 }],
  ['cells of corners', { kind: 'yolo', name: 'y', classes: 1, units: 'cells', box: 'x1 y1 x2 y2' }],
  ['an order that there is not', { kind: 'yolo', name: 'y', classes: 1, axes: 'anchors' }],
])('an output with %s is refused', (_name, output) => {
  expect(detectorOutputSchema.safeParse(output).success).toBe(false)
})
