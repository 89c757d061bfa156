/** Places of name plates: inside the picture, off each other. */
import { describe, expect, test } from 'vitest'
import { type PlateToPlace, placePlates, type Rect } from '../../../views/draw/place-plates.ts'

const picture: Rect = { x: 0, y: 0, width: 640, height: 480 }

const plate = (x: number, y: number, width: number, height: number): PlateToPlace => ({
  box: { x, y, width, height },
  width: 120,
  height: 20,
})

const overlap = (a: Rect, b: Rect): boolean =>
  Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > 0.001 &&
  Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) > 0.001

const isInside = ({ x, y, width, height }: Rect): boolean =>
  x >= 0 && y >= 0 && x + width <= picture.width && y + height <= picture.height

describe('placing name plates', () => {
  test('a plate stands on its box', () => {
    expect(placePlates([plate(100, 100, 200, 200)], picture)).toEqual([{ x: 100, y: 80, width: 120, height: 20 }])
  })

  test('a box at the upper edge has its plate inside', () => {
    expect(placePlates([plate(100, 0, 200, 200)], picture)[0]).toMatchObject({ x: 100, y: 0 })
  })

  test('a box at the right edge has its plate aligned to the right', () => {
    const [place] = placePlates([plate(600, 100, 40, 200)], picture)
    expect(place).toMatchObject({ x: 520, y: 80 })
  })

  test('plates of boxes side by side, stacked and on top of each other do not hide each other', () => {
    const plates = [
      plate(100, 100, 90, 200),
      plate(190, 100, 90, 200),
      plate(280, 100, 90, 200),
      plate(280, 100, 90, 200),
      plate(100, 310, 300, 160),
      plate(110, 320, 300, 150),
    ]
    const places = placePlates(plates, picture)
    for (const [index, place] of places.entries()) {
      expect(isInside(place)).toBe(true)
      expect(places.slice(index + 1).some((other) => overlap(place, other))).toBe(false)
    }
  })

  test('a crowd of a hundred boxes ends, all plates inside', () => {
    const crowd = Array.from({ length: 100 }, (_, index) =>
      plate((index % 20) * 30, Math.floor(index / 20) * 90, 30, 90),
    )
    expect(placePlates(crowd, picture).every(isInside)).toBe(true)
  })
})
