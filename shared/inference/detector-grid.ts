/** The grids of cells that a detector's outputs are laid out in. Apart from their schema, which workers have no use for. */
import type { YoloOutput } from './detector-output.ts'

/** Columns and rows of cells that a stride parts an input into; those that are cut off count whole. */
export const gridOf = (
  { width, height }: { readonly width: number; readonly height: number },
  stride: number,
): { readonly columns: number; readonly rows: number } => ({
  columns: Math.ceil(width / stride),
  rows: Math.ceil(height / stride),
})

/** The strides of a YOLO whose boxes count cells; undefined where the graph's boxes are decoded. */
export const cellStrides = ({ units, strides: given }: YoloOutput): readonly number[] | undefined =>
  units === 'cells' ? (given ?? [8, 16, 32]) : undefined
