/** From what a network answered to boxes, for every kind of output that a manifest may name. */
import type { DetectorOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectedBox, Size } from './detected-box.ts'
import { decodePicodet, type PicodetOptions, picodetStatistics } from './picodet.ts'
import { readSuppressedBoxes, suppressedBoxesStatistics } from './suppressed-boxes.ts'
import { decodeYolo, yoloStatistics } from './yolo.ts'

/** Boxes of one picture of a run, in pixels of its frame, best score first. */
export function decode(
  output: DetectorOutput,
  found: Outputs,
  picture: number,
  input: Size,
  frame: Size,
  options: PicodetOptions,
): DetectedBox[] {
  switch (output.kind) {
    case 'picodet':
      return decodePicodet(headsOf(found, output.heads), picture, output, input, frame, options)
    case 'boxes':
      return readSuppressedBoxes(found, picture, output, input, frame, options)
    case 'yolo':
      return decodeYolo(found, picture, output, input, frame, options)
  }
}

/** A few numbers about the answer to one picture, near 0 … 1, that change when the network computes something else. */
export function statistics(output: DetectorOutput, found: Outputs, input: Size): number[] {
  switch (output.kind) {
    case 'picodet':
      return picodetStatistics(headsOf(found, output.heads))
    case 'boxes':
      return suppressedBoxesStatistics(found, output, input)
    case 'yolo':
      return yoloStatistics(found, output, input)
  }
}

const headsOf = (found: Outputs, names: readonly string[]) => names.map((name) => found[name]!)
