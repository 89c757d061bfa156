/** Tiles cover the frame, overlap, and know which boxes they see whole. */
import { describe, expect, test } from 'vitest'
import { gridFor } from '../../../services/detector/scene.ts'
import { isWhole, parseGrid, tilesOf } from '../../../services/detector/tiles.ts'

const frame = { width: 1280, height: 960 }

test('are asked for as columns by rows', () => {
  expect(parseGrid('3x2')).toEqual({ columns: 3, rows: 2 })
  expect(parseGrid('1x1')).toEqual({ columns: 1, rows: 1 })
  expect(['0x2', '3', '3x', 'x3', '3 x 2', '9x9', '100x1', '-1x2', ''].map(parseGrid)).toEqual(Array(9).fill(undefined))
})

describe.each([
  { width: 1280, height: 960 },
  { width: 641, height: 479 },
  { width: 3840, height: 2160 },
  { width: 5, height: 3000 },
  { width: 1, height: 1 },
])('of a frame of $width x $height', (size) => {
  test.each([
    { columns: 2, rows: 2 },
    { columns: 4, rows: 3 },
    { columns: 8, rows: 8 },
  ])('$columns x $rows cover all of it, alike in size, each overlapping the next by a fifth', (grid) => {
    const tiles = tilesOf(size, grid)
    expect([tiles[0]!.x1, tiles[0]!.y1]).toEqual([0, 0])
    expect([tiles.at(-1)!.x2, tiles.at(-1)!.y2]).toEqual([size.width, size.height])
    for (const { x1, y1, x2, y2 } of tiles) {
      expect([x1, y1, x2, y2].every(Number.isInteger)).toBe(true)
      expect(x2 > x1 && y2 > y1 && x2 <= size.width && y2 <= size.height).toBe(true)
    }
    const across = tiles.filter(({ y1 }) => y1 === 0)
    for (const [index, { x1, x2 }] of across.entries()) {
      const next = across[index + 1]
      if (next === undefined) continue
      expect(x2).toBeGreaterThanOrEqual(next.x1)
      if (size.width >= 100) expect((x2 - next.x1) / (x2 - x1)).toBeCloseTo(0.2, 1)
    }
  })
})

test('a box is whole in the tile whose inner borders it keeps off; the borders of the frame cut nothing', () => {
  const [left, right] = tilesOf(frame, { columns: 2, rows: 1 })
  const box = (x1: number, x2: number) => ({ x1, y1: 0, x2, y2: 960 })
  expect(isWhole(box(0, 300), left!, frame)).toBe(true)
  expect(isWhole(box(300, left!.x2), left!, frame)).toBe(false)
  expect(isWhole(box(300, left!.x2 - 3), left!, frame)).toBe(false)
  expect(isWhole(box(300, left!.x2 - 20), left!, frame)).toBe(true)
  expect(isWhole(box(right!.x1, 1280), right!, frame)).toBe(false)
  expect(isWhole(box(right!.x1 + 20, 1280), right!, frame)).toBe(true)
})

test.each([
  // As large as the input, or smaller: looking closer shows nothing more.
  [
    { width: 256, height: 200 },
    { columns: 1, rows: 1 },
  ],
  [
    { width: 640, height: 480 },
    { columns: 2, rows: 2 },
  ],
  [
    { width: 1280, height: 960 },
    { columns: 2, rows: 2 },
  ],
  [
    { width: 1920, height: 1080 },
    { columns: 3, rows: 2 },
  ],
  [
    { width: 3000, height: 200 },
    { columns: 5, rows: 1 },
  ],
])('a dense frame of %o has %o by its size', (size, grid) => {
  expect(gridFor(size, { width: 256, height: 256 })).toEqual(grid)
})

test.each([
  { width: 3840, height: 2160 },
  { width: 4000, height: 3000 },
  { width: 100_000, height: 2 },
])('a frame of $width x $height has no more than sixteen', (size) => {
  const { columns, rows } = gridFor(size, { width: 256, height: 256 })
  expect(columns * rows).toBeGreaterThan(8)
  expect(columns * rows).toBeLessThanOrEqual(16)
})
