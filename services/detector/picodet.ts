/**
 * Decodes the heads of a PicoDet network into boxes (Yu et al. 2021, PP-PicoDet; distances as distributions: Li et al. 2020,
 * Generalized Focal Loss). Pure.
 */

import { nonMaximumSuppression } from '@sightline/shared/geometry/suppress.ts'
import type { PicodetOutput } from '@sightline/shared/inference/detector-output.ts'
import type { Tensor } from '@sightline/shared/inference/session.ts'
import { type DetectedBox, type Size, toFrame } from './detected-box.ts'

/** PP-ShiTuV2's exported graph drops what scores lower before it suppresses overlaps. */
const scoreFloor = 0.025

export interface PicodetOptions {
  readonly scoreThreshold: number
  readonly maxBoxes: number
  readonly nmsIou: number
  /** Best cells of a level that are looked at. */
  readonly topPerLevel: number
}

/**
 * Boxes of one picture of the batch, best score first.
 *
 * `heads`: a tensor a level, [N, 1 + 4 · bins, H, W]: the class logit, then `bins` logits for each of left, top, right,
 * bottom. A distance is the expectation of its distribution times the stride; the centre of a cell is its middle. Boxes
 * are clipped to the frame; those under a pixel wide or high are no boxes.
 */
export function decodePicodet(
  heads: readonly Tensor[],
  picture: number,
  { strides, bins }: PicodetOutput,
  input: Size,
  frame: Size,
  options: PicodetOptions,
): DetectedBox[] {
  const floor = Math.min(scoreFloor, options.scoreThreshold)
  const found = heads.flatMap((head, level) =>
    decodeLevel(head, picture, strides[level]!, bins, floor, options.topPerLevel),
  )
  const candidates = toFrame(found, input, frame)
  return nonMaximumSuppression(candidates, options.nmsIou, options.maxBoxes)
    .map((index) => candidates[index]!)
    .filter(({ score }) => score >= options.scoreThreshold)
}

function decodeLevel(
  { data, dims }: Tensor,
  picture: number,
  stride: number,
  bins: number,
  floor: number,
  most: number,
): DetectedBox[] {
  const [, channels = 0, height = 0, width = 0] = dims
  const cells = height * width
  const start = picture * channels * cells
  // Compared as logits: no sigmoid for the many cells that see nothing.
  const floorLogit = Math.log(floor / (1 - floor))
  const seen: number[] = []
  for (let cell = 0; cell < cells; cell += 1) if (data[start + cell]! >= floorLogit) seen.push(cell)
  if (seen.length > most) {
    seen.sort((a, b) => data[start + b]! - data[start + a]! || a - b)
    seen.length = most
  }
  return seen.map((cell) => {
    const side = (index: number): number =>
      expectation(data, start + (1 + index * bins) * cells + cell, cells, bins) * stride
    const x = ((cell % width) + 0.5) * stride
    const y = (Math.floor(cell / width) + 0.5) * stride
    const score = 1 / (1 + Math.exp(-data[start + cell]!))
    return { x1: x - side(0), y1: y - side(1), x2: x + side(2), y2: y + side(3), score }
  })
}

/** Softmax over `bins` logits that lie `step` apart, as the expectation of 0 … bins - 1. */
function expectation(data: Float32Array, from: number, step: number, bins: number): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let bin = 0; bin < bins; bin += 1) largest = Math.max(largest, data[from + bin * step]!)
  let sum = 0
  let weighted = 0
  for (let bin = 0; bin < bins; bin += 1) {
    const weight = Math.exp(data[from + bin * step]! - largest)
    sum += weight
    weighted += weight * bin
  }
  return weighted / sum
}

/** Mean class score of each level, of the first picture. */
export const picodetStatistics = (heads: readonly Tensor[]): number[] =>
  heads.map(({ data, dims }) => {
    const cells = (dims[2] ?? 0) * (dims[3] ?? 0)
    let sum = 0
    for (let cell = 0; cell < cells; cell += 1) sum += 1 / (1 + Math.exp(-data[cell]!))
    return sum / cells
  })
