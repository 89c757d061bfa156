/** Resizing and normalizing agree with OpenCV and numpy, whose answers lie in test/golden. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { average, cutCrop } from '../../../shared/imaging/crop.ts'
import { Kernels } from '../../../shared/imaging/kernels/kernels.ts'
import { cropAndResize, type Interpolation, resizeRows } from '../../../shared/imaging/resize.ts'
import { wholeRect } from '../../../shared/imaging/rows.ts'
import type { InputContract } from '../../../shared/inference/model-manifest.ts'
import { InputTensor } from '../../../shared/inference/to-tensor.ts'
import { noise } from '../../harness/noise.ts'

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../golden/${name}.json`, import.meta.url), 'utf8')) as T

const kernels = new Kernels()
const picture = { data: noise(61 * 43 * 3, 7), width: 61, height: 43 }

describe('cropping and resizing differs from OpenCV by at most one level', () => {
  test.each(Object.entries(golden<Record<string, string>>('resize')))('%s', (name, hex) => {
    const [, x1, y1, x2, y2, width, height, interpolation] =
      /^(\d+),(\d+),(\d+),(\d+) (\d+)x(\d+) (linear|cubic)$/.exec(name) ?? []
    const rect = { x1: Number(x1), y1: Number(y1), x2: Number(x2), y2: Number(y2) }
    const size = { width: Number(width), height: Number(height), interpolation: interpolation as Interpolation }
    const found = cropAndResize(kernels, { picture, rect, ...size })
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
    const found = average(kernels, { picture, rect: { x1, y1, x2, y2 }, width, height })
    const expected = Buffer.from(hex, 'hex')
    expect(found.length).toBe(expected.length)
    expect(Math.max(...found.map((value, index) => Math.abs(value - expected[index]!)))).toBeLessThanOrEqual(1)
  })
})

describe('a crop', () => {
  const rect = { x1: 5, y1: 3, x2: 50, y2: 40 }

  const cut = (width: number, height: number) => ({ picture, rect, width, height, interpolation: 'linear' }) as const

  test('is sampled as the reference does it down to half the size', () => {
    expect(cutCrop(kernels, cut(23, 19))).toEqual(cropAndResize(kernels, cut(23, 19)))
  })

  test('is averaged below, each axis for itself', () => {
    expect(cutCrop(kernels, cut(20, 16))).toEqual(average(kernels, cut(20, 16)))
    const rows = { data: average(kernels, cut(45, 16)), width: 45, height: 16 }
    const rest = { ...cut(30, 16), picture: rows, rect: wholeRect(rows) }
    expect(cutCrop(kernels, cut(30, 16))).toEqual(cropAndResize(kernels, rest))
  })

  test.each([65, 1000, 40_000, 1_000_000])('of %i pixels in a row counts each of them alike', (width) => {
    for (const [at, expected] of [
      [0, 0],
      [width - 1, 255],
    ] as const) {
      // All of one kind but for the outermost pixel, in both directions.
      const row = { data: new Uint8Array(width * 3).fill(255 - expected), width, height: 1 }
      row.data.fill(expected, at * 3, at * 3 + 3)
      const column = { ...row, width: 1, height: width }
      const mean = Math.round(255 - expected + ((expected - (255 - expected)) * 1) / width)
      for (const whole of [row, column]) {
        const found = average(kernels, { picture: whole, rect: wholeRect(whole), width: 1, height: 1 })
        expect(Math.abs(found[0]! - mean)).toBeLessThanOrEqual(1)
      }
    }
  })

  test('of fine stripes is their mean, not whatever lies under the samples', () => {
    const stripes = { data: new Uint8Array(300 * 300 * 3), width: 300, height: 300 }
    for (let index = 0; index < stripes.data.length; index += 3) {
      stripes.data.fill(Math.floor(index / 3) % 3 === 0 ? 240 : 0, index, index + 3)
    }
    const found = cutCrop(kernels, { ...cut(50, 50), picture: stripes, rect: wholeRect(stripes) })
    expect(new Set(found)).toEqual(new Set([80]))
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

/** The tensor of a picture that is laid into it as it is. */
function tensorOf(rgb: Uint8Array<ArrayBuffer>, input: InputContract, number = 0): Float32Array {
  const picture = { data: rgb, width: input.width, height: input.height }
  const own = new Kernels()
  const tensor = new InputTensor(own, input)
  resizeRows(own, { picture, rect: wholeRect(picture), ...input }, tensor.rowsOf(number))
  return tensor.of(number + 1).data
}

describe('pixels as planes', () => {
  test('are normalized as the reference does', () => {
    const tensor = tensorOf(noise(12, 3), contract)
    const expected = golden<number[]>('tensor')
    for (const [index, value] of expected.entries()) expect(tensor[index]).toBeCloseTo(value, 5)
  })

  test.each(golden<(Partial<InputContract> & { values: number[] })[]>('input'))(
    'are what a network of $layout and $colorOrder takes',
    ({ values, ...other }) => {
      const tensor = tensorOf(noise(12, 3), { ...contract, ...other })
      for (const [index, value] of values.entries()) expect(tensor[index]).toBeCloseTo(value, 5)
    },
  )

  test('change places where the network takes BGR, each picture behind the one before', () => {
    const plain = { ...contract, width: 1, height: 1, scale: 1, colorOrder: 'BGR' } as const
    const tensor = tensorOf(Uint8Array.of(1, 2, 3), { ...plain, mean: [0, 0, 0], std: [1, 1, 1] }, 1)
    expect([...tensor]).toEqual([0, 0, 0, 3, 2, 1])
  })
})
