/** Detectors whose graphs suppress overlaps themselves, and YOLOs: their numbers become boxes of the frame. */
import { describe, expect, test } from 'vitest'
import { decode, statistics } from '../../../services/detector/decode.ts'
import type { Tensor } from '../../../shared/inference/session.ts'
import { detectorInput } from './detector-input.ts'

const input = detectorInput(100, 50)
const frame = { width: 200, height: 200 }
const options = { scoreThreshold: 0.3, maxBoxes: 10, nmsIou: 0.5, topPerLevel: 1000 }
const tensor = (dims: readonly number[], ...data: number[]): Tensor => ({ data: Float32Array.from(data), dims })
const rounded = (boxes: ReturnType<typeof decode>) =>
  boxes.map(({ x1, y1, x2, y2, score }) => [x1, y1, x2, y2, score].map((value) => Math.round(value * 1000) / 1000))

describe('boxes that the graph has suppressed', () => {
  const pixels = { kind: 'boxes', boxes: 'b', units: 'pixels' } as const

  test('are rows of six, the best first, weak ones and filling left out', () => {
    const found = {
      b: tensor([1, 4, 6], 10, 5, 20, 25, 0.5, 0, 0, 0, 50, 25, 0.9, 3, 0, 0, 0, 0, 0, 0, 1, 1, 9, 9, 0.2, 1),
    }
    expect(rounded(decode(pixels, found, 0, input, frame, options))).toEqual([
      [0, 0, 100, 100, 0.9],
      [20, 20, 40, 100, 0.5],
    ])
    expect(decode(pixels, found, 0, input, frame, { ...options, maxBoxes: 1 })).toHaveLength(1)
  })

  test('may have their class and score in front', () => {
    const found = { b: tensor([1, 1, 6], 0, 0.75, 10, 5, 20, 25) }
    const output = { ...pixels, row: 'class score x1 y1 x2 y2' } as const
    expect(rounded(decode(output, found, 0, input, frame, options))).toEqual([[20, 20, 40, 100, 0.75]])
  })

  test('may have their scores apart, and count in fractions, of each picture of a run', () => {
    const output = { ...pixels, scores: 's', units: 'fraction' } as const
    const found = {
      b: tensor([2, 2, 4], 0, 0, 1, 1, 0, 0, 0.5, 0.5, 0.25, 0.25, 0.75, 0.75, 0, 0, 0.1, 0.1),
      s: tensor([2, 2], 0.1, 0.6, 0.7, 0.8),
    }
    expect(rounded(decode(output, found, 0, input, frame, options))).toEqual([[0, 0, 100, 100, 0.6]])
    expect(rounded(decode(output, found, 1, input, frame, options))).toEqual([
      [0, 0, 20, 20, 0.8],
      [50, 50, 150, 150, 0.7],
    ])
  })

  test('may come without the pictures in front, also none of them', () => {
    const found = { b: tensor([1, 6], 10, 5, 20, 25, 0.5, 0) }
    expect(rounded(decode(pixels, found, 0, input, frame, options))).toEqual([[20, 20, 40, 100, 0.5]])
    expect(decode(pixels, { b: tensor([0, 6]) }, 0, input, frame, options)).toEqual([])
    expect(statistics(pixels, { b: tensor([0, 6]) }, input)).toEqual([0, 0, 0])
  })

  test('are clipped to the frame; one outside is none', () => {
    const found = { b: tensor([1, 2, 6], -10, -10, 30, 25, 0.5, 0, 200, 10, 300, 20, 0.9, 0) }
    expect(rounded(decode(pixels, found, 0, input, frame, options))).toEqual([[0, 0, 60, 100, 0.5]])
  })
})

describe('the anchors of a YOLO', () => {
  const yolo = { kind: 'yolo', name: 'y', classes: 2 } as const
  /** Rows x, y, width, height, two scores; a column an anchor. */
  const rows = [
    [50, 52, 20, 50],
    [25, 25, 10, 25],
    [40, 40, 20, 200],
    [20, 20, 10, 90],
    [0.1, 0.2, 0.1, 0],
    [0.9, 0.8, 0.4, 0.1],
  ].flat()

  test('become boxes with the score of their best class, of two that overlap the better', () => {
    const found = { y: tensor([1, 6, 4], ...rows) }
    expect(rounded(decode(yolo, found, 0, input, frame, options))).toEqual([
      [60, 60, 140, 140, 0.9],
      [20, 20, 60, 60, 0.4],
    ])
    expect(decode(yolo, found, 0, input, frame, { ...options, nmsIou: 0.99 })).toHaveLength(3)
  })

  test('are those of the picture that is asked for', () => {
    const found = { y: tensor([2, 6, 4], ...rows.map(() => 0), ...rows) }
    expect(decode(yolo, found, 0, input, frame, options)).toEqual([])
    expect(decode(yolo, found, 1, input, frame, options)).toHaveLength(2)
  })

  test('have means that tell another answer apart', () => {
    const [score, width] = statistics(yolo, { y: tensor([1, 6, 4], ...rows) }, input)
    expect(score).toBeCloseTo((0.9 + 0.8 + 0.4 + 0.1) / 4)
    expect(width).toBeCloseTo((40 + 40 + 20 + 200) / 4 / 100)
  })
})
