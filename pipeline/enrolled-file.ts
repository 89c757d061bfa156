/** Where an enrolled picture came from: its file, and the part of it where it was cut out by a box. */
import { pictureFile } from './picture-id.ts'

/** Fields of an entry's metadata that enrolment itself writes; nobody else's may have these names. */
export const ownFields = { content: 'sha256', box: 'box' } as const

/** Of the picture: a box has corners x1 < x2, y1 < y2. */
export type PictureBox = readonly [x1: number, y1: number, x2: number, y2: number]

/** What of a picture is enrolled. */
export interface Part {
  readonly box: PictureBox
  /** What the box's corners count: pixels, or hundredths of the picture's width and height. */
  readonly unit: 'pixel' | 'percent'
}

/** In the words of W3C's Media Fragments, as they end the id of a part: `shelf.jpg#xywh=10,20,30,40`. */
export function fragmentOf({ box: [x1, y1, x2, y2], unit }: Part): string {
  const numbers = [x1, y1, x2 - x1, y2 - y1].map((value) => Number(value.toFixed(2)))
  return `#xywh=${unit === 'percent' ? 'percent:' : ''}${numbers.join(',')}`
}

/** How the id of a part ends; empty for a whole picture. */
export const fragmentIn = (id: string): string => /#xywh=(percent:)?[-\d.,e]+$/.exec(id)?.[0] ?? ''

/** In pixels; null for a whole picture. */
export function boxOf(metadata: Readonly<Record<string, unknown>>): PictureBox | null {
  const box = metadata[ownFields.box]
  const isBox = Array.isArray(box) && box.length === 4 && box.every((one) => typeof one === 'number')
  return isBox ? (box as unknown as PictureBox) : null
}

/** The file that an entry was made of, below `root`. */
export const pictureFileOf = (
  { id, metadata }: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> },
  root: string,
): string => pictureFile(boxOf(metadata) === null ? id : id.slice(0, id.length - fragmentIn(id).length), root)
