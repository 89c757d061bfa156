/** Names in a crowd stand in their boxes, in lines that fit, and leave the things themselves to be seen. */
import { beforeAll, expect, test } from 'vitest'
import { crowdSize, isCrowd, nameInBox } from '../../../views/draw/crowd.ts'
import { letter, prepareLetters } from '../../../views/draw/lettering.ts'
import type { Rect } from '../../../views/draw/place-plates.ts'

const weight = 600
const names = ['CawstonGinger6x33cl', 'Olive oil 0.5 l', 'Tea', 'x'.repeat(90), '漢字かな', '']
beforeAll(() => prepareLetters([...names, '…'], [weight]))

const picture: Rect = { x: 0, y: 0, width: 960, height: 1280 }
const boxes = (count: number): Rect[] => Array.from({ length: count }, () => ({ x: 0, y: 0, width: 40, height: 90 }))

test('many objects whose plates would hide them are a crowd; few are none, nor are many on a picture that has room', () => {
  const plate = { width: 330, height: 32 }
  expect(isCrowd(boxes(150), plate, picture)).toBe(true)
  expect(isCrowd(boxes(11), plate, picture)).toBe(false)
  expect(isCrowd(boxes(30), plate, { ...picture, width: 8000, height: 6000 })).toBe(false)
})

test.each(names)('%s stays in its box, in the lower part of it', (name) => {
  const box = { x: 300, y: 200, width: 96, height: 220 }
  const { plate, lines } = nameInBox(name, box, crowdSize, weight)!
  expect(plate).toMatchObject({ x: 300, width: 96 })
  expect(plate.y + plate.height).toBeCloseTo(420)
  expect(plate.y).toBeGreaterThan(200 + 0.35 * 220)
  for (const { x, baseline } of lines) {
    expect(x).toBeGreaterThanOrEqual(300)
    expect(baseline).toBeGreaterThan(plate.y)
    expect(baseline).toBeLessThan(420)
  }
})

test('a name breaks where words do, and is cut where no line is left', () => {
  const linesIn = (name: string, width: number, height: number) =>
    nameInBox(name, { x: 0, y: 0, width, height }, crowdSize, weight)!.lines
  const path = (text: string) => letter(text, crowdSize, weight).path
  expect(linesIn('CawstonGinger6x33cl', 96, 220).map((line) => line.path)).toEqual([
    path('Cawston'),
    path('Ginger6x33cl'),
  ])
  expect(linesIn('Olive oil 0.5 l', 200, 220).map((line) => line.path)).toEqual([path('Olive oil 0.5 l')])
  expect(linesIn('Olive oil 0.5 l', 60, 30)).toHaveLength(1)
})

test('a box too small for a letter has none', () => {
  expect(nameInBox('Tea', { x: 0, y: 0, width: 9, height: 100 }, crowdSize, weight)).toBeNull()
  expect(nameInBox('Tea', { x: 0, y: 0, width: 100, height: 5 }, crowdSize, weight)).toBeNull()
})
