/** Decoding the heads agrees with a plain numpy reading of the definition. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decode } from '../../../services/detector/decode.ts'
import { decodePicodet, picodetStatistics } from '../../../services/detector/picodet.ts'
import type { PicodetOutput } from '../../../shared/inference/detector-output.ts'
import type { Outputs } from '../../../shared/inference/input-tensor.ts'
import { noise } from '../../harness/noise.ts'
import * as plain from '../../harness/pixels/picodet.ts'
import { detectorInput } from './detector-input.ts'

const heads = ['a', 'b', 'c', 'd']
const output: PicodetOutput = { kind: 'picodet', heads, strides: [8, 16, 32, 64], bins: 8 }
const input = detectorInput(128, 64)
const frame = { width: 300, height: 100 }
const options = { scoreThreshold: 0.3, maxBoxes: 20, nmsIou: 0.6, topPerLevel: 1000 }

/** The golden file's heads as the `picture`-th of a batch of two, with what `change` makes of each value. */
function answer(picture: number, change = (value: number): number => value): Outputs {
  const found = heads.map((head, level) => {
    const stride = output.strides[level]!
    const [height, width] = [input.height / stride, input.width / stride]
    const cells = height * width
    const data = new Float32Array(2 * 33 * cells)
    for (const [index, byte] of noise(33 * cells, 100 + level).entries()) {
      data[picture * 33 * cells + index] = change((byte - 128) / 32 - (index < cells ? 1.5 : 0))
    }
    return [head, { data, dims: [2, 33, height, width] }] as const
  })
  return Object.fromEntries(found)
}

const golden = JSON.parse(readFileSync(new URL('../../golden/picodet.json', import.meta.url), 'utf8')) as {
  boxes: [number, number, number, number, number][]
}

describe('the heads of a picture', () => {
  test.each([0, 1])('become the boxes of the definition, as number %i of a batch', (picture) => {
    const found = decode(output, answer(picture), picture, input, frame, options)
    expect(golden.boxes.length).toBeGreaterThan(5)
    expect(found.length).toBe(golden.boxes.length)
    for (const [index, [x1, y1, x2, y2, score]] of golden.boxes.entries()) {
      const box = found[index]!
      expect(box.score).toBeCloseTo(score, 4)
      for (const [value, expected] of [
        [box.x1, x1],
        [box.y1, y1],
        [box.x2, x2],
        [box.y2, y2],
      ] as const) {
        expect(value).toBeCloseTo(expected, 2)
      }
    }
  })

  test('give no more boxes than asked for, the best ones', () => {
    const all = decode(output, answer(0), 0, input, frame, options)
    expect(decode(output, answer(0), 0, input, frame, { ...options, maxBoxes: 3 })).toEqual(all.slice(0, 3))
  })

  test('that see nothing give none', () => {
    const blind = answer(0, () => -20)
    expect(decode(output, blind, 0, input, frame, options)).toEqual([])
  })
})

test('an answer that is not a number shows in the statistics that the canary is held to', () => {
  const [mean] = picodetStatistics(
    answer(0, () => Number.NaN),
    output,
  )
  expect(mean).toBeNaN()
})

test('a box reaching out of the frame is clipped, one outside it is none', () => {
  const found = decode(output, answer(0), 0, input, frame, { ...options, scoreThreshold: 0.03, maxBoxes: 1000 })
  expect(found.length).toBeGreaterThan(20)
  for (const { x1, y1, x2, y2 } of found) {
    expect(Math.min(x1, y1)).toBeGreaterThanOrEqual(0)
    expect(x2).toBeLessThanOrEqual(300)
    expect(y2).toBeLessThanOrEqual(100)
    expect(Math.min(x2 - x1, y2 - y1)).toBeGreaterThanOrEqual(1)
  }
})

describe('every number is that of the plain reading', () => {
  const apart: PicodetOutput = {
    kind: 'picodet',
    heads: [
      { scores: 's0', distances: 'd0' },
      { scores: 's1', distances: 'd1' },
    ],
    strides: [16, 32],
    bins: 5,
    classes: 3,
  }
  const joined: PicodetOutput = { kind: 'picodet', heads: ['h0', 'h1'], strides: [16, 32], bins: 5, classes: 3 }
  const tensor = (seed: number, dims: readonly number[], change: (byte: number) => number) => ({
    data: Float32Array.from(
      noise(
        dims.reduce((a, b) => a * b),
        seed,
      ),
      change,
    ),
    dims,
  })
  const grids = [
    [4, 8],
    [2, 4],
  ] as const

  test.each([0, 0.05, 0.5, 0.9, 1])('from a score of %f on, both pictures of a run', (scoreThreshold) => {
    for (let seed = 0; seed < 20; seed += 1) {
      const found: Outputs = Object.fromEntries(
        grids.flatMap(([rows, columns], level) => [
          [`s${level}`, tensor(seed, [2, rows * columns, 3], (byte) => byte / 255)],
          [`d${level}`, tensor(seed + 100, [2, rows * columns, 20], (byte) => (byte - 128) / 16)],
          [`h${level}`, tensor(seed + 200, [2, 23, rows, columns], (byte) => (byte - 128) / 16)],
        ]),
      )
      for (const one of [apart, joined, { ...joined, classes: 1, bins: 5 }]) {
        expect(picodetStatistics(found, one)).toEqual(plain.picodetStatistics(found, one))
        for (const topPerLevel of [3, 1000]) {
          const asked = { scoreThreshold, topPerLevel }
          expect(decodePicodet(found, 1, one, input, asked)).toEqual(plain.decodePicodet(found, 1, one, input, asked))
          expect(decodePicodet(found, 0, one, input, asked)).toEqual(plain.decodePicodet(found, 0, one, input, asked))
        }
      }
    }
  })
})
