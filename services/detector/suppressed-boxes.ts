/** Reads boxes that the graph itself has decoded and suppressed (kind 'boxes'). Pure. */
import type { BoxesOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import type { Tensor } from '@sightline/shared/inference/session.ts'
import { type DetectedBox, type Size, toFrame } from './detected-box.ts'

/** Boxes of one picture of the run, best score first, at most `maxBoxes`. */
export function readSuppressedBoxes(
  found: Outputs,
  picture: number,
  output: BoxesOutput,
  input: Size,
  frame: Size,
  { scoreThreshold, maxBoxes }: { readonly scoreThreshold: number; readonly maxBoxes: number },
): DetectedBox[] {
  // Boxes in fractions lie in an input of 1 x 1.
  const from = output.units === 'pixels' ? input : { width: 1, height: 1 }
  const boxes = rowsOf(found, picture, output).filter(({ score }) => score >= scoreThreshold)
  return toFrame(boxes, from, frame)
    .sort((a, b) => b.score - a.score)
    .slice(0, maxBoxes)
}

/** Means over the first picture's rows of score, width and height, as fractions of the input; what the canary compares. */
export function suppressedBoxesStatistics(found: Outputs, output: BoxesOutput, input: Size): number[] {
  const rows = rowsOf(found, 0, output)
  const [width, height] = output.units === 'pixels' ? [input.width, input.height] : [1, 1]
  const mean = (value: (box: DetectedBox) => number): number =>
    rows.reduce((sum, box) => sum + value(box), 0) / Math.max(rows.length, 1)
  return [mean(({ score }) => score), mean(({ x1, x2 }) => (x2 - x1) / width), mean(({ y1, y2 }) => (y2 - y1) / height)]
}

function rowsOf(found: Outputs, picture: number, output: BoxesOutput): DetectedBox[] {
  const { data, dims } = found[output.boxes]!
  const scores = output.scores === undefined ? null : found[output.scores]!.data
  const [rows, columns] = rowShape(found[output.boxes]!)
  // Without pictures in front the run was of one.
  const first = dims.length === 2 ? 0 : picture * rows
  const [corner, score] = scores !== null ? [0, null] : output.row === 'class score x1 y1 x2 y2' ? [2, 1] : [0, 4]
  return Array.from({ length: rows }, (_, index) => {
    const row = first + index
    const at = row * columns + corner
    return {
      x1: data[at]!,
      y1: data[at + 1]!,
      x2: data[at + 2]!,
      y2: data[at + 3]!,
      score: score === null ? scores![row]! : data[row * columns + score]!,
    }
  })
}

const rowShape = ({ dims }: Tensor): readonly [number, number] => [dims.at(-2) ?? 0, dims.at(-1) ?? 0]
