/** Crops are cut at their own size up to a bound: an embedder sees the same pixels as if it had the frame. */
import { expect, test } from 'vitest'
import { cutCrops } from '../../../services/detector/cut-crops.ts'
import { cutCrop } from '../../../shared/imaging/crop.ts'
import { Kernels } from '../../../shared/imaging/kernels/kernels.ts'
import { wholeRect } from '../../../shared/imaging/rows.ts'
import { noise } from '../../harness/noise.ts'

const frame = { data: noise(1200 * 900 * 3, 1), width: 1200, height: 900 }
const kernels = new Kernels()
const size = { width: 224, height: 224, interpolation: 'linear' } as const

test.each([
  [
    { x1: 10.7, y1: 20.2, x2: 71.9, y2: 140.5 },
    { x1: 10, y1: 20, x2: 71, y2: 140 },
  ],
  [
    { x1: 0, y1: 0, x2: 448, y2: 448 },
    { x1: 0, y1: 0, x2: 448, y2: 448 },
  ],
  [
    { x1: 500, y1: 300, x2: 501, y2: 748 },
    { x1: 500, y1: 300, x2: 501, y2: 748 },
  ],
  [
    { x1: 1199.6, y1: 899.9, x2: 1200, y2: 900 },
    { x1: 1199, y1: 899, x2: 1200, y2: 900 },
  ],
])('of %o: resized by the embedder it is what would be cut from the frame', (box, rect) => {
  const [crop] = cutCrops(kernels, frame, [box], Number.POSITIVE_INFINITY)
  expect([crop!.width, crop!.height]).toEqual([rect.x2 - rect.x1, rect.y2 - rect.y1])
  const late = cutCrop(kernels, { picture: crop!, rect: wholeRect(crop!), ...size })
  expect(late).toEqual(cutCrop(kernels, { picture: frame, rect, ...size }))
})

test('no side is longer than the bound, the other keeps its pixels', () => {
  const boxes = [
    { x1: 0, y1: 0, x2: 1200, y2: 100 },
    { x1: 0, y1: 0, x2: 1200, y2: 900 },
  ]
  const crops = cutCrops(kernels, frame, boxes, Number.POSITIVE_INFINITY)
  expect(crops.map(({ width, height, data }) => [width, height, data.length])).toEqual([
    [448, 100, 448 * 100 * 3],
    [448, 448, 448 * 448 * 3],
  ])
})

test('where all have more pixels than there is room for, the largest are cut smaller and the small ones stay', () => {
  const boxes = [
    { x1: 0, y1: 0, x2: 40, y2: 50 },
    { x1: 100, y1: 100, x2: 400, y2: 500 },
    { x1: 500, y1: 100, x2: 900, y2: 500 },
  ]
  const crops = cutCrops(kernels, frame, boxes, 50_000)
  expect([crops[0]!.width, crops[0]!.height]).toEqual([40, 50])
  const pixels = crops.reduce((sum, { width, height }) => sum + width * height, 0)
  expect(pixels).toBeLessThanOrEqual(50_000)
  expect(pixels).toBeGreaterThan(49_000)
})

test('with no room at all each still has a pixel', () => {
  const boxes = Array.from({ length: 3 }, () => ({ x1: 0, y1: 0, x2: 100, y2: 100 }))
  expect(cutCrops(kernels, frame, boxes, 0).map(({ width, height }) => [width, height])).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ])
})
