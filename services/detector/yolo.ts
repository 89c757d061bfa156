/**
 * Decodes the anchors of a YOLO that is exported without suppression, in every layout that its manifest can name: YOLOv5 to
 * v11 and YOLOX, decoded in the graph or in cells (Ge et al. 2021, YOLOX). Pure.
 */
import { cellStrides, gridOf } from '@sightline/shared/inference/detector-grid.ts'
import type { YoloOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import type { Tensor } from '@sightline/shared/inference/session.ts'
import type { DetectedBox, Size } from './detected-box.ts'

/**
 * The `topPerLevel` best boxes of one picture of the run from `scoreThreshold` on, in pixels of the input, best score first.
 * What a box shows is not asked for: its score is the best of its classes.
 */
export function decodeYolo(
  found: Outputs,
  picture: number,
  output: YoloOutput,
  input: Size,
  { scoreThreshold, topPerLevel }: { readonly scoreThreshold: number; readonly topPerLevel: number },
): DetectedBox[] {
  const { count, scoreOf, boxOf } = anchorsOf(found, picture, output, input)
  const seen: { readonly anchor: number; readonly score: number }[] = []
  for (let anchor = 0; anchor < count; anchor += 1) {
    const score = scoreOf(anchor)
    if (score >= scoreThreshold) seen.push({ anchor, score })
  }
  seen.sort((a, b) => b.score - a.score)
  return seen.slice(0, topPerLevel).map(({ anchor, score }) => ({ ...boxOf(anchor), score }))
}

/** Means over the first picture's anchors: score, width and height as fractions of the input. */
export function yoloStatistics(found: Outputs, output: YoloOutput, input: Size): number[] {
  const { count, scoreOf, boxOf } = anchorsOf(found, 0, output, input)
  let [scores, widths, heights] = [0, 0, 0]
  for (let anchor = 0; anchor < count; anchor += 1) {
    const { x1, y1, x2, y2 } = boxOf(anchor)
    scores += scoreOf(anchor)
    widths += x2 - x1
    heights += y2 - y1
  }
  return [scores / count, widths / count / input.width, heights / count / input.height]
}

interface Anchors {
  readonly count: number
  readonly scoreOf: (anchor: number) => number
  /** In pixels of the input. */
  readonly boxOf: (anchor: number) => Omit<DetectedBox, 'score'>
}

/** The numbers of each anchor, whichever way they are laid out. */
interface AnchorValues {
  readonly count: number
  readonly at: (anchor: number, value: number) => number
}

function anchorsOf(found: Outputs, picture: number, output: YoloOutput, input: Size): Anchors {
  const { name, scores, classes, objectness = false, box = 'x y width height', units = 'pixels' } = output
  const boxes = valuesOf(found[name]!, picture, output)
  const rated = scores === undefined ? boxes : valuesOf(found[scores]!, picture, output)
  const first = scores === undefined ? 4 : 0
  const firstClass = first + (objectness ? 1 : 0)
  const cells = cellsOf(output, input)
  const [scaleX, scaleY] = units === 'fraction' ? [input.width, input.height] : [1, 1]
  return {
    count: boxes.count,
    scoreOf(anchor) {
      let best = 0
      for (let value = firstClass; value < firstClass + classes; value += 1) {
        best = Math.max(best, rated.at(anchor, value))
      }
      return objectness ? best * rated.at(anchor, first) : best
    },
    boxOf(anchor) {
      const [a, b] = [boxes.at(anchor, 0), boxes.at(anchor, 1)]
      const [c, d] = [boxes.at(anchor, 2), boxes.at(anchor, 3)]
      if (cells !== null) {
        const { column, row, stride } = cells[anchor]!
        return centred((a + column) * stride, (b + row) * stride, Math.exp(c) * stride, Math.exp(d) * stride)
      }
      if (box === 'x1 y1 x2 y2') return { x1: a * scaleX, y1: b * scaleY, x2: c * scaleX, y2: d * scaleY }
      return centred(a * scaleX, b * scaleY, c * scaleX, d * scaleY)
    },
  }
}

const centred = (x: number, y: number, width: number, height: number): Omit<DetectedBox, 'score'> => ({
  x1: x - width / 2,
  y1: y - height / 2,
  x2: x + width / 2,
  y2: y + height / 2,
})

function valuesOf({ data, dims }: Tensor, picture: number, { axes }: YoloOutput): AnchorValues {
  const [rows, columns] = [dims[1] ?? 0, dims[2] ?? 0]
  const start = picture * rows * columns
  return axes === 'anchors values'
    ? { count: rows, at: (anchor, value) => data[start + anchor * columns + value]! }
    : { count: columns, at: (anchor, value) => data[start + value * columns + anchor]! }
}

interface Cell {
  readonly column: number
  readonly row: number
  readonly stride: number
}

/** The cell of each anchor; null where the graph's boxes are decoded. */
function cellsOf(output: YoloOutput, input: Size): readonly Cell[] | null {
  const strides = cellStrides(output)
  if (strides === undefined) return null
  return strides.flatMap((stride) => {
    const { columns, rows } = gridOf(input, stride)
    return Array.from({ length: columns * rows }, (_, cell) => ({
      column: cell % columns,
      row: Math.floor(cell / columns),
      stride,
    }))
  })
}
