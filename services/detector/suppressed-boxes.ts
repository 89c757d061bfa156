/** Reads boxes that the graph itself has decoded and suppressed (kind 'boxes'). Pure. */
import type { BoxesOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectedBox, Size } from './detected-box.ts'

/** Boxes of one picture of the run from `scoreThreshold` on, in pixels of the input, best score first. */
export function readSuppressedBoxes(
  found: Outputs,
  picture: number,
  output: BoxesOutput,
  input: Size,
  { scoreThreshold }: { readonly scoreThreshold: number },
): DetectedBox[] {
  return rowsOf(found, picture, output, input)
    .filter(({ score }) => score >= scoreThreshold)
    .sort((a, b) => b.score - a.score)
}

/** Means over the first picture's rows of score, width and height, as fractions of the input; what the canary compares. */
export function suppressedBoxesStatistics(found: Outputs, output: BoxesOutput, input: Size): number[] {
  const rows = rowsOf(found, 0, output, input)
  const mean = (value: (box: DetectedBox) => number): number =>
    rows.reduce((sum, box) => sum + value(box), 0) / Math.max(rows.length, 1)
  return [
    mean(({ score }) => score),
    mean(({ x1, x2 }) => (x2 - x1) / input.width),
    mean(({ y1, y2 }) => (y2 - y1) / input.height),
  ]
}

function rowsOf(found: Outputs, picture: number, output: BoxesOutput, input: Size): DetectedBox[] {
  const { data, dims } = found[output.boxes]!
  const scores = output.scores === undefined ? null : found[output.scores]!.data
  const [rows, columns] = [dims.at(-2) ?? 0, dims.at(-1) ?? 0]
  // Without pictures in front the run was of one.
  const first = dims.length === 2 ? 0 : picture * rows
  const [corner, score] = scores !== null ? [0, null] : output.row === 'class score x1 y1 x2 y2' ? [2, 1] : [0, 4]
  const [scaleX, scaleY] = output.units === 'pixels' ? [1, 1] : [input.width, input.height]
  return Array.from({ length: rows }, (_, index) => {
    const row = first + index
    const at = row * columns + corner
    return {
      x1: data[at]! * scaleX,
      y1: data[at + 1]! * scaleY,
      x2: data[at + 2]! * scaleX,
      y2: data[at + 3]! * scaleY,
      score: score === null ? scores![row]! : data[row * columns + score]!,
    }
  })
}
