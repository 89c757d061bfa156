/** Names in a crowd: each inside its own box, in as many short lines as fit there, where plates would cover one another. */
import { capHeight, type Lettering, letter, letterFitting, type Weight } from './lettering.ts'
import type { Rect } from './place-plates.ts'

/** From so many objects on, and where their names would cover so much of the picture, plates are for no one. */
const fewest = 12
const mostCovered = 0.2

/** Whether the plates of these objects, of this width and height each, would hide what they are about. */
export const isCrowd = (boxes: readonly Rect[], plate: { width: number; height: number }, picture: Rect): boolean =>
  boxes.length >= fewest && (boxes.length * plate.width * plate.height) / (picture.width * picture.height) > mostCovered

/** Px that the middle box should be wide for names to be read in it: some twelve letters. */
export const readableWidth = 96
/** Em of the names in px. */
export const crowdSize = 13

export interface NameInBox {
  /** Inside the box, at its foot. */
  readonly plate: Rect
  /** One line under the other. */
  readonly lines: readonly { readonly path: string; readonly x: number; readonly baseline: number }[]
}

const lineHeight = 1.12
const padding = 0.24
/** The upper part of a box stays free: the thing itself is to be seen too. */
const mostOfBox = 0.6

/** The name in its box, what does not fit with an ellipsis; null where not even a letter does. */
export function nameInBox(name: string, box: Rect, size: number, weight: Weight): NameInBox | null {
  const [room, pad] = [box.width - 2 * padding * size, padding * size]
  const most = Math.max(Math.floor((box.height * mostOfBox - 2 * pad) / (size * lineHeight)), 1)
  const lines = wrapped(name, size, weight, room, most)
  if (room < size || box.height < size || lines.length === 0) return null
  const height = (lines.length - 1) * size * lineHeight + size * capHeight + 2 * pad
  const plate = { x: box.x, y: box.y + box.height - height, width: box.width, height }
  return {
    plate,
    lines: lines.map(({ path, width }, index) => ({
      path,
      x: box.x + (box.width - width) / 2,
      baseline: plate.y + pad + size * capHeight + index * size * lineHeight,
    })),
  }
}

/** Broken between words, and where a small letter or a digit is followed by a capital: CawstonGinger33cl. */
function wrapped(text: string, size: number, weight: Weight, room: number, most: number): readonly Lettering[] {
  const parts = text.split(/(?<=[\s\-_/])|(?<=[\p{Ll}\d])(?=\p{Lu})/u)
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    if (last !== undefined && letter((last + part).trimEnd(), size, weight).width <= room) {
      lines[lines.length - 1] = last + part
    } else lines.push(part)
  }
  const shown = lines.slice(0, most)
  // What no line is left for is the end of the last one, and cut off with it.
  if (lines.length > most) shown[most - 1] = lines.slice(most - 1).join('')
  return shown.map((line) => letterFitting(line.trimEnd(), size, weight, room))
}
