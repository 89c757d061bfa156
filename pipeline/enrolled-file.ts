/** Where an enrolled picture came from: its file, and the part of it where it was cut out by a box. */
import { pictureFile } from './picture-id.ts'

/** Fields of an entry's metadata that enrolment itself writes; nobody else's may have these names. */
export const ownFields = { content: 'sha256', box: 'box' } as const

/** Of the picture, in pixels: a box has corners x1 < x2, y1 < y2. */
export type PictureBox = readonly [x1: number, y1: number, x2: number, y2: number]

/** The id of a part of a picture, in the words of W3C's Media Fragments: `shelf.jpg#xywh=10,20,30,40`. */
export const partId = (id: string, [x1, y1, x2, y2]: PictureBox): string =>
  `${id}#xywh=${x1},${y1},${x2 - x1},${y2 - y1}`

/** Null for a whole picture. */
export function boxOf(metadata: Readonly<Record<string, unknown>>): PictureBox | null {
  const box = metadata[ownFields.box]
  const isBox = Array.isArray(box) && box.length === 4 && box.every((one) => typeof one === 'number')
  return isBox ? (box as unknown as PictureBox) : null
}

/** The file that an entry was made of, below `root`. */
export const pictureFileOf = (
  { id, metadata }: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> },
  root: string,
): string => pictureFile(boxOf(metadata) === null ? id : id.replace(/#xywh=[^#]*$/, ''), root)
