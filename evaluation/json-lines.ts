/** Reads files of one JSON value a line, checked against a schema. */
import { readFile } from 'node:fs/promises'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Corners, CornerTuple } from '@sightline/shared/geometry/boxes.ts'
import { z } from 'zod'

/** Throws LABELS_UNREADABLE naming the file and the line. */
export async function readJsonLines<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.infer<Schema>[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new SightlineError('LABELS_UNREADABLE', `${file} can't be read`, { cause })
  })
  const values: z.infer<Schema>[] = []
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '') continue
    try {
      values.push(schema.parse(JSON.parse(line)))
    } catch (cause) {
      const why = cause instanceof z.ZodError ? 'does not fit' : 'is not JSON'
      throw new SightlineError('LABELS_UNREADABLE', `${file}, line ${index + 1} ${why}`, { cause })
    }
  }
  return values
}

/** x1, y1, x2, y2 in 0..1 of the picture. */
export const boxSchema = z.tuple([z.number(), z.number(), z.number(), z.number()])

/** Such a box in pixels of its picture. */
export const scaledTo = (
  [x1, y1, x2, y2]: CornerTuple,
  { width, height }: { readonly width: number; readonly height: number },
): Corners => ({ x1: x1 * width, y1: y1 * height, x2: x2 * width, y2: y2 * height })
