/** From what a network answered to boxes of the frame, for every kind of output that a manifest may name. Pure. */
import { nonMaximumSuppression } from '@sightline/shared/geometry/suppress.ts'
import type { DetectorOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Outputs } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectorDefaults, DetectorInput } from '@sightline/shared/inference/model-manifest.ts'
import type { DetectedBox, Size } from './detected-box.ts'
import { decodePicodet, picodetStatistics } from './picodet.ts'
import { placementOf, toFrame } from './placement.ts'
import { readSuppressedBoxes, suppressedBoxesStatistics } from './suppressed-boxes.ts'
import { decodeYolo, yoloStatistics } from './yolo.ts'

/** How candidates become boxes: the manifest's defaults, or what a deployment put in their place. */
export type BoxOptions = DetectorDefaults

/**
 * Boxes of one picture of a run, in pixels of its frame, best score first. Of two that overlap the weaker goes, whatever
 * their classes are, except where the graph has decided about that itself.
 */
export function decode(
  output: DetectorOutput,
  found: Outputs,
  picture: number,
  input: DetectorInput,
  frame: Size,
  options: BoxOptions,
): DetectedBox[] {
  const candidates = toFrame(
    candidatesOf(output, found, picture, input, options),
    placementOf(input, frame),
    frame,
  ).filter(({ score }) => score >= options.scoreThreshold)
  if (output.kind === 'boxes') return candidates.slice(0, options.maxBoxes)
  return nonMaximumSuppression(candidates, options.nmsIou, options.maxBoxes).map((index) => candidates[index]!)
}

/** In pixels of the input. */
function candidatesOf(
  output: DetectorOutput,
  found: Outputs,
  picture: number,
  input: Size,
  options: BoxOptions,
): DetectedBox[] {
  switch (output.kind) {
    case 'picodet':
      return decodePicodet(found, picture, output, input, options)
    case 'boxes':
      return readSuppressedBoxes(found, picture, output, input, options)
    case 'yolo':
      return decodeYolo(found, picture, output, input, options)
  }
}

/** A few numbers about the answer to one picture, near 0 … 1, that change when the network computes something else. */
export function statistics(output: DetectorOutput, found: Outputs, input: Size): number[] {
  switch (output.kind) {
    case 'picodet':
      return picodetStatistics(found, output)
    case 'boxes':
      return suppressedBoxesStatistics(found, output, input)
    case 'yolo':
      return yoloStatistics(found, output, input)
  }
}
