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

/** What a network sees in a picture, before overlaps are suppressed. */
export interface Candidates {
  /** In pixels of the frame, clipped to it. */
  readonly boxes: readonly DetectedBox[]
  /** The graph has decided about overlaps itself; they are the best first. */
  readonly isSuppressed: boolean
}

/** Candidates of one picture of a run from `scoreThreshold` on. */
export function candidates(
  output: DetectorOutput,
  found: Outputs,
  picture: number,
  input: DetectorInput,
  frame: Size,
  options: Pick<BoxOptions, 'scoreThreshold' | 'topPerLevel'>,
): Candidates {
  const inInput = candidatesOf(output, found, picture, input, options)
  const boxes = toFrame(inInput, placementOf(input, frame), frame)
  return {
    boxes: boxes.filter(({ score }) => score >= options.scoreThreshold),
    isSuppressed: output.kind === 'boxes',
  }
}

/** The boxes that stay, best score first: of two that overlap the weaker goes, whatever their classes are. */
export function suppress({ boxes, isSuppressed }: Candidates, options: Omit<BoxOptions, 'topPerLevel'>): DetectedBox[] {
  const strong = boxes.filter(({ score }) => score >= options.scoreThreshold)
  if (isSuppressed) return strong.slice(0, options.maxBoxes)
  return nonMaximumSuppression(strong, options.nmsIou, options.maxBoxes).map((index) => strong[index]!)
}

/** Boxes of one picture of a run, in pixels of its frame, best score first. */
export const decode = (
  output: DetectorOutput,
  found: Outputs,
  picture: number,
  input: DetectorInput,
  frame: Size,
  options: BoxOptions,
): DetectedBox[] => suppress(candidates(output, found, picture, input, frame, options), options)

/** In pixels of the input. */
function candidatesOf(
  output: DetectorOutput,
  found: Outputs,
  picture: number,
  input: Size,
  options: Pick<BoxOptions, 'scoreThreshold' | 'topPerLevel'>,
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
