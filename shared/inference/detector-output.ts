/** The kinds of output that a detector's graph may have; each is decoded by a file of its own beside the detector. */
import { z } from 'zod'

/** The heads of a PicoDet: decoding and suppression of overlaps are ours. */
export const picodetOutputSchema = z.object({
  kind: z.literal('picodet'),
  /** One output a level, [N, 1 + 4 · bins, H / stride, W / stride]. */
  heads: z.array(z.string()).min(1),
  strides: z.array(z.int().positive()).min(1),
  bins: z.int().min(2),
})

/**
 * Boxes that the graph has decoded and suppressed already, K rows a picture; rows under the score threshold are
 * filling. Without N in front the graph takes one picture a run (`input.maxBatch` 1), and K may differ from run to run.
 */
export const boxesOutputSchema = z.object({
  kind: z.literal('boxes'),
  /** Name of the output [N, K, 4], x1, y1, x2, y2, with scores apart; or of [N, K, 6] with them in its rows. */
  boxes: z.string(),
  /** Name of the output [N, K] of scores; without it `row` says where they are. */
  scores: z.string().optional(),
  /** Order of the six numbers in a row. @default 'x1 y1 x2 y2 score class' */
  row: z.enum(['x1 y1 x2 y2 score class', 'class score x1 y1 x2 y2']).optional(),
  /** Coordinates count pixels of the network's input, or are fractions of it. */
  units: z.enum(['pixels', 'fraction']),
})

/**
 * [N, 4 + classes, A] as Ultralytics exports YOLOv8 and later without suppression: for each of A anchors the box's
 * centre x, centre y, width and height in pixels of the network's input, then a score of 0 … 1 for each class.
 */
export const yoloOutputSchema = z.object({
  kind: z.literal('yolo'),
  name: z.string(),
  classes: z.int().positive(),
})

export const detectorOutputSchema = z.discriminatedUnion('kind', [
  picodetOutputSchema,
  boxesOutputSchema,
  yoloOutputSchema,
])

export type PicodetOutput = z.infer<typeof picodetOutputSchema>
export type BoxesOutput = z.infer<typeof boxesOutputSchema>
export type YoloOutput = z.infer<typeof yoloOutputSchema>
export type DetectorOutput = z.infer<typeof detectorOutputSchema>
