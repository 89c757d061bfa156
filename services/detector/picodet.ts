/**
 * Decodes the heads of a PicoDet network into boxes (Yu et al. 2021, PP-PicoDet; distances as distributions: Li et al. 2020,
 * Generalized Focal Loss). Pure.
 */
import { gridOf } from '@sightline/shared/inference/detector-grid.ts'
import type { PicodetOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectedBox, Size } from './detected-box.ts'

/** One head's numbers of one picture, whichever way they are laid out: where they lie is counted, not looked up. */
interface Level {
  readonly cells: number
  readonly isLogit: boolean
  /** Of each cell and class: a logit or 0 … 1. */
  readonly scores: Strided
  readonly classes: number
  /** How far the values of a cell's classes lie apart. */
  readonly classStep: number
  /** Of each cell, side and bin: logits. */
  readonly distances: Strided
  readonly sideStep: number
  readonly binStep: number
}

interface Strided {
  readonly data: Float32Array
  /** Of the first cell. */
  readonly start: number
  /** From a cell to the next. */
  readonly cellStep: number
}

/** A cell with the value of its best class. */
interface Seen {
  readonly cell: number
  readonly value: number
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
    return bestCells(level, scoreThreshold, topPerLevel).map(({ cell, value }) => {
      const { distances, sideStep, binStep } = level
      const first = distances.start + cell * distances.cellStep
      const side = (number: number): number =>
        expectation(distances.data, first + number * sideStep, binStep, bins) * stride
      const x = ((cell % columns) + 0.5) * stride
      const y = (Math.floor(cell / columns) + 0.5) * stride
      return { x1: x - side(0), y1: y - side(1), x2: x + side(2), y2: y + side(3), score: scoreOf(level, value) }
    })
  })
}

/** Mean score of each level, of the first picture. */
export const picodetStatistics = (found: Outputs, output: PicodetOutput): number[] =>
  levelsOf(found, 0, output).map((level) => {
    let sum = 0
    for (let cell = 0; cell < level.cells; cell += 1) sum += scoreOf(level, bestOf(level, cell))
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
        isLogit: true,
        scores: { data, start, cellStep: 1 },
        classes,
        classStep: cells,
        distances: { data, start: start + classes * cells, cellStep: 1 },
        sideStep: bins * cells,
        binStep: cells,
      }
    }
    const [scores, distances] = [found[head.scores]!, found[head.distances]!]
    const cells = scores.dims[1] ?? 0
    return {
      cells,
      isLogit: false,
      scores: { data: scores.data, start: picture * cells * classes, cellStep: classes },
      classes,
      classStep: 1,
      distances: { data: distances.data, start: picture * cells * 4 * bins, cellStep: 4 * bins },
      sideStep: bins,
      binStep: 1,
    }
  })
}

function bestCells(level: Level, scoreThreshold: number, most: number): Seen[] {
  // Compared as logits: no sigmoid for the many cells that see nothing.
  const least = level.isLogit ? Math.log(scoreThreshold / (1 - scoreThreshold)) : scoreThreshold
  const seen: Seen[] = []
  for (let cell = 0; cell < level.cells; cell += 1) {
    const value = bestOf(level, cell)
    if (value >= least) seen.push({ cell, value })
  }
  if (seen.length > most) {
    seen.sort((a, b) => b.value - a.value || a.cell - b.cell)
    seen.length = most
  }
  return seen
}

/** Of the cell's best class: a logit or 0 … 1. */
function bestOf({ scores: { data, start, cellStep }, classes, classStep }: Level, cell: number): number {
  const at = start + cell * cellStep
  return classes === 1 ? data[at]! : largest(data, at, classStep, classes)
}

const scoreOf = ({ isLogit }: Level, value: number): number => (isLogit ? 1 / (1 + Math.exp(-value)) : value)

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
