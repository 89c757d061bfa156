/**
 * Decodes the head of a YOLO of the anchor-free kind (Ultralytics YOLOv8 and later, exported without suppression): the
 * graph gives boxes and class scores of every anchor, suppression of overlaps is ours. Pure.
 */

import { nonMaximumSuppression } from '@sightline/shared/geometry/suppress.ts'
import type { YoloOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import { type DetectedBox, type Size, toFrame } from './detected-box.ts'
import type { PicodetOptions } from './picodet.ts'

/**
 * Boxes of one picture of the run, best score first. What a box shows is not asked for: its score is the best of its
 * classes, and of two that overlap the weaker goes whatever their classes are.
 */
export function decodeYolo(
  found: Outputs,
  picture: number,
  { name, classes }: YoloOutput,
  input: Size,
  frame: Size,
  options: PicodetOptions,
): DetectedBox[] {
  const { data, dims } = found[name]!
  const anchors = dims.at(-1) ?? 0
  const start = picture * (4 + classes) * anchors
  const seen: DetectedBox[] = []
  for (let anchor = 0; anchor < anchors; anchor += 1) {
    const score = bestScore(data, start, anchor, anchors, classes)
    if (score < options.scoreThreshold) continue
    const value = (row: number): number => data[start + row * anchors + anchor]!
    const [x, y, width, height] = [value(0), value(1), value(2), value(3)]
    seen.push({ x1: x - width / 2, y1: y - height / 2, x2: x + width / 2, y2: y + height / 2, score })
  }
  seen.sort((a, b) => b.score - a.score)
  const candidates = toFrame(seen.slice(0, options.topPerLevel), input, frame)
  return nonMaximumSuppression(candidates, options.nmsIou, options.maxBoxes).map((index) => candidates[index]!)
}

/** Means over the first picture's anchors: best score, width and height as fractions of the input. */
export function yoloStatistics(found: Outputs, { name, classes }: YoloOutput, input: Size): number[] {
  const { data, dims } = found[name]!
  const anchors = dims.at(-1) ?? 0
  let [scores, widths, heights] = [0, 0, 0]
  for (let anchor = 0; anchor < anchors; anchor += 1) {
    scores += bestScore(data, 0, anchor, anchors, classes)
    widths += data[2 * anchors + anchor]!
    heights += data[3 * anchors + anchor]!
  }
  return [scores / anchors, widths / anchors / input.width, heights / anchors / input.height]
}

function bestScore(data: Float32Array, start: number, anchor: number, anchors: number, classes: number): number {
  let best = 0
  for (let row = 4; row < 4 + classes; row += 1) best = Math.max(best, data[start + row * anchors + anchor]!)
  return best
}
