/** Resizing and normalizing agree with OpenCV and numpy, whose answers lie in test/golden. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { average, cutCrop } from '../../../shared/imaging/crop.ts'
import { cropAndResize, type Interpolation, wholeRect } from '../../../shared/imaging/resize.ts'
import type { InputContract } from '../../../shared/inference/model-manifest.ts'
import { normalizationTable, writePixels, writePlanes } from '../../../shared/inference/to-tensor.ts'
import { noise } from '../../harness/noise.ts'

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../golden/${name}.json`, import.meta.url), 'utf8')) as T

const picture = { data: noise(61 * 43 * 3, 7), width: 61, height: 43 }

describe('cropping and resizing differs from OpenCV by at most one level', () => {
  test.each(Object.entries(golden<Record<string, string>>('resize')))('%s', (name, hex) => {
    const [, x1, y1, x2, y2, width, height, interpolation] =
      /^(\d+),(\d+),(\d+),(\d+) (\d+)x(\d+) (linear|cubic)$/.exec(name) ?? []
    const rect = { x1: Number(x1), y1: Number(y1), x2: Number(x2), y2: Number(y2) }
    const found = cropAndResize(picture, rect, Number(width), Number(height), interpolation as Interpolation)
    const expected = Buffer.from(hex, 'hex')
    expect(found.length).toBe(expected.length)
    const differences = found.map((value, index) => Math.abs(value - expected[index]!))
    expect(Math.max(...differences)).toBeLessThanOrEqual(1)
    expect(differences.filter((difference) => difference > 0).length / found.length).toBeLessThan(0.06)
  })
})

describe('averaging differs from OpenCV by at most one level', () => {
  test.each(Object.entries(golden<Record<string, string>>('average')))('%s', (name, hex) => {
    const [x1, y1, x2, y2, width, height] = name.split(/[ ,x]/).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const found = average(picture, { x1, y1, x2, y2 }, width, height)
    const expected = Buffer.from(hex, 'hex')
    expect(found.length).toBe(expected.length)
    expect(Math.max(...found.map((value, index) => Math.abs(value - expected[index]!)))).toBeLessThanOrEqual(1)
  })
})

describe('a crop', () => {
  const rect = { x1: 5, y1: 3, x2: 50, y2: 40 }

  test('is sampled as the reference does it down to half the size', () => {
    expect(cutCrop(picture, rect, 23, 19, 'linear')).toEqual(cropAndResize(picture, rect, 23, 19, 'linear'))
  })

  test('is averaged below, each axis for itself', () => {
    expect(cutCrop(picture, rect, 20, 16, 'linear')).toEqual(average(picture, rect, 20, 16))
    const rows = { data: average(picture, rect, 45, 16), width: 45, height: 16 }
    expect(cutCrop(picture, rect, 30, 16, 'linear')).toEqual(cropAndResize(rows, wholeRect(rows), 30, 16, 'linear'))
  })

  test('of fine stripes is their mean, not whatever lies under the samples', () => {
    const stripes = { data: new Uint8Array(300 * 300 * 3), width: 300, height: 300 }
    for (let index = 0; index < stripes.data.length; index += 3) {
      stripes.data.fill(Math.floor(index / 3) % 3 === 0 ? 240 : 0, index, index + 3)
    }
    expect(new Set(cutCrop(stripes, wholeRect(stripes), 50, 50, 'linear'))).toEqual(new Set([80]))
  })
})

const contract: InputContract = {
  name: 'image',
  width: 2,
  height: 2,
  layout: 'NCHW',
  colorOrder: 'RGB',
  interpolation: 'linear',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
}

describe('pixels as planes', () => {
  test('are normalized as the reference does', () => {
    const tensor = new Float32Array(12)
    writePlanes(noise(12, 3), normalizationTable(contract), tensor, 0)
    const expected = golden<number[]>('tensor')
    for (const [index, value] of expected.entries()) expect(tensor[index]).toBeCloseTo(value, 5)
  })

  test.each(golden<(Partial<InputContract> & { values: number[] })[]>('input'))(
    'are what a network of $layout and $colorOrder takes',
    ({ values, ...other }) => {
      const tensor = new Float32Array(12)
      const write = other.layout === 'NCHW' ? writePlanes : writePixels
      write(noise(12, 3), normalizationTable({ ...contract, ...other }), tensor, 0)
      for (const [index, value] of values.entries()) expect(tensor[index]).toBeCloseTo(value, 5)
    },
  )

  test('change places where the network takes BGR, and begin at the offset', () => {
    const plain = { ...contract, scale: 1, mean: [0, 0, 0], std: [1, 1, 1], colorOrder: 'BGR' } as const
    const tensor = new Float32Array(6)
    writePlanes(Uint8Array.of(1, 2, 3), normalizationTable({ ...plain, mean: [0, 0, 0], std: [1, 1, 1] }), tensor, 3)
    expect([...tensor]).toEqual([0, 0, 0, 3, 2, 1])
  })
})
