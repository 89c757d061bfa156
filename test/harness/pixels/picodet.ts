/** PicoDet's heads read cell by cell, as the decoder did before it was made fast: the tests hold it to these boxes. */

import type { DetectedBox, Size } from '../../../services/detector/detected-box.ts'
import { gridOf } from '../../../shared/inference/detector-grid.ts'
import type { PicodetOutput } from '../../../shared/inference/detector-output.ts'
import type { Outputs } from '../../../shared/inference/input-tensor.ts'

/** One head's numbers of one picture, whichever way they are laid out. */
interface Level {
  readonly cells: number
  /** Of the cell's best class: a logit or 0 … 1. */
  readonly best: (cell: number) => number
  readonly isLogit: boolean
  readonly distances: Float32Array
  /** Index of a cell's first logit of a side, and how far the next ones lie apart. */
  readonly sideAt: (cell: number, side: number) => number
  readonly step: number
}

/**
 * Boxes of one picture of the run in pixels of the input, of each level the `topPerLevel` best from `scoreThreshold` on.
 *
 * A distance is the expectation of its distribution times the stride; the centre of a cell is its middle. What a box shows is
 * not asked for: its score is that of its best class.
 */
export function decodePicodet(
  found: Outputs,
  picture: number,
  output: PicodetOutput,
  input: Size,
  { scoreThreshold, topPerLevel }: { readonly scoreThreshold: number; readonly topPerLevel: number },
): DetectedBox[] {
  const { bins } = output
  return levelsOf(found, picture, output).flatMap((level, index) => {
    const stride = output.strides[index]!
    const { columns } = gridOf(input, stride)
    return bestCells(level, scoreThreshold, topPerLevel).map((cell) => {
      const side = (number: number): number =>
        expectation(level.distances, level.sideAt(cell, number), level.step, bins) * stride
      const x = ((cell % columns) + 0.5) * stride
      const y = (Math.floor(cell / columns) + 0.5) * stride
      const score = scoreOf(level, cell)
      return { x1: x - side(0), y1: y - side(1), x2: x + side(2), y2: y + side(3), score }
    })
  })
}

/** Mean score of each level, of the first picture. */
export const picodetStatistics = (found: Outputs, output: PicodetOutput): number[] =>
  levelsOf(found, 0, output).map((level) => {
    let sum = 0
    for (let cell = 0; cell < level.cells; cell += 1) sum += scoreOf(level, cell)
    return sum / level.cells
  })

function levelsOf(found: Outputs, picture: number, { heads, bins, classes = 1 }: PicodetOutput): Level[] {
  return heads.map((head) => {
    if (typeof head === 'string') {
      const { data, dims } = found[head]!
      const cells = (dims[2] ?? 0) * (dims[3] ?? 0)
      const start = picture * (classes + 4 * bins) * cells
      return {
        cells,
        best: (cell) => largest(data, start + cell, cells, classes),
        isLogit: true,
        distances: data,
        sideAt: (cell, side) => start + (classes + side * bins) * cells + cell,
        step: cells,
      }
    }
    const [scores, distances] = [found[head.scores]!, found[head.distances]!]
    const cells = scores.dims[1] ?? 0
    const start = picture * cells
    return {
      cells,
      best: (cell) => largest(scores.data, (start + cell) * classes, 1, classes),
      isLogit: false,
      distances: distances.data,
      sideAt: (cell, side) => ((start + cell) * 4 + side) * bins,
      step: 1,
    }
  })
}

function bestCells(level: Level, scoreThreshold: number, most: number): number[] {
  const { cells, best, isLogit } = level
  // Compared as logits: no sigmoid for the many cells that see nothing.
  const least = isLogit ? Math.log(scoreThreshold / (1 - scoreThreshold)) : scoreThreshold
  const seen: { readonly cell: number; readonly value: number }[] = []
  for (let cell = 0; cell < cells; cell += 1) {
    const value = best(cell)
    if (value >= least) seen.push({ cell, value })
  }
  if (seen.length > most) {
    seen.sort((a, b) => b.value - a.value || a.cell - b.cell)
    seen.length = most
  }
  return seen.map(({ cell }) => cell)
}

const scoreOf = ({ best, isLogit }: Level, cell: number): number =>
  isLogit ? 1 / (1 + Math.exp(-best(cell))) : best(cell)

/** The largest of `count` values that lie `step` apart. */
function largest(data: Float32Array, from: number, step: number, count: number): number {
  let value = data[from]!
  for (let index = 1; index < count; index += 1) value = Math.max(value, data[from + index * step]!)
  return value
}

/** Softmax over `bins` logits that lie `step` apart, as the expectation of 0 … bins - 1. */
function expectation(data: Float32Array, from: number, step: number, bins: number): number {
  const most = largest(data, from, step, bins)
  let sum = 0
  let weighted = 0
  for (let bin = 0; bin < bins; bin += 1) {
    const weight = Math.exp(data[from + bin * step]! - most)
    sum += weight
    weighted += weight * bin
  }
  return weighted / sum
}
