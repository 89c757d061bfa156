/** Resizing and normalizing agree with OpenCV and numpy, whose answers lie in test/golden. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cropAndResize, type Interpolation } from '../../shared/imaging/resize.ts'
import { normalizationTable, writePlanes } from '../../shared/imaging/to-tensor.ts'
import type { InputContract } from '../../shared/inference/model-manifest.ts'
import { noise } from '../support/noise.ts'

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')) as T

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

  test('change places where the network takes BGR, and begin at the offset', () => {
    const plain = { ...contract, scale: 1, mean: [0, 0, 0], std: [1, 1, 1], colorOrder: 'BGR' } as const
    const tensor = new Float32Array(6)
    writePlanes(Uint8Array.of(1, 2, 3), normalizationTable({ ...plain, mean: [0, 0, 0], std: [1, 1, 1] }), tensor, 3)
    expect([...tensor]).toEqual([0, 0, 0, 3, 2, 1])
  })
})
