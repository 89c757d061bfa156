/** The kinds of output that a detector's graph may have; each is decoded by a file of its own beside the detector. */
import { z } from 'zod'

const strides = z.array(z.int().positive()).min(1)

/**
 * The heads of a PicoDet: decoding and suppression of overlaps are ours. A cell has a score for each class, and for each of
 * left, top, right and bottom the logits of `bins` distances.
 */
export const picodetOutputSchema = z.object({
  kind: z.literal('picodet'),
  /**
   * One a stride: the name of an output [N, classes + 4 · bins, H / stride, W / stride], scores as logits; or, as
   * PaddleDetection exports to ONNX, the names of scores 0 … 1 [N, A, classes] and distances [N, A, 4 · bins], the A cells
   * of the stride row by row.
   */
  heads: z.array(z.union([z.string(), z.object({ scores: z.string(), distances: z.string() })])).min(1),
  /** Pixels of the input that a cell stands for; a row or column that is cut off counts whole. */
  strides,
  bins: z.int().min(2),
  /** @default 1 */
  classes: z.int().positive().optional(),
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
 * A YOLO exported without suppression: for each of A anchors a box, then a score of 0 … 1 for each class. What is not said is
 * as in YOLOv8 and later by Ultralytics, [N, 4 + classes, A].
 */
export const yoloOutputSchema = z.object({
  kind: z.literal('yolo'),
  name: z.string(),
  /** Name of an output with the scores, [N, classes, A] or [N, A, classes], where `name` has only the boxes. */
  scores: z.string().optional(),
  classes: z.int().positive(),
  /** Order of the two axes behind N; 'anchors values' in YOLOv5, v6, v7 and YOLOX. @default 'values anchors' */
  axes: z.enum(['values anchors', 'anchors values']).optional(),
  /** One more number between box and class scores, which multiplies them (YOLOv5, v6, v7, YOLOX). @default false */
  objectness: z.boolean().optional(),
  /** The four numbers of a box, x and y being its centre's, or its corners. @default 'x y width height' */
  box: z.enum(['x y width height', 'x1 y1 x2 y2']).optional(),
  /**
   * What these numbers count: pixels of the network's input, fractions of it, or cells of the anchor's stride as YOLOX is
   * exported by default: the centre's distance to the cell, and the logarithms of the sides. @default 'pixels'
   */
  units: z.enum(['pixels', 'fraction', 'cells']).optional(),
  /** With cells: a grid each, one behind the other, row by row. @default [8, 16, 32] */
  strides: strides.optional(),
})

export const detectorOutputSchema = z
  .discriminatedUnion('kind', [picodetOutputSchema, boxesOutputSchema, yoloOutputSchema])
  .refine((output) => output.kind !== 'picodet' || output.heads.length === output.strides.length, {
    message: 'as many heads as strides are needed',
    path: ['heads'],
  })
  .refine((output) => output.kind !== 'yolo' || output.units !== 'cells' || output.box !== 'x1 y1 x2 y2', {
    message: "units 'cells' are of centres and sides, not of corners",
    path: ['box'],
  })

export type PicodetOutput = z.infer<typeof picodetOutputSchema>
export type BoxesOutput = z.infer<typeof boxesOutputSchema>
export type YoloOutput = z.infer<typeof yoloOutputSchema>
export type DetectorOutput = z.infer<typeof detectorOutputSchema>
