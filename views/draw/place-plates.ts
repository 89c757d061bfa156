/** Finds a place for each box's name plate: inside the picture, beside its box, and off the other plates where there is room. */

export interface Rect {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface PlateToPlace {
  /** The box the plate belongs to, inside the picture. */
  readonly box: Rect
  readonly width: number
  readonly height: number
}

/** One place for each plate, in order; earlier ones choose first. A plate that nowhere fits covers as little as possible. */
export function placePlates(plates: readonly PlateToPlace[], picture: Rect): readonly Rect[] {
  const taken: Rect[] = []
  for (const plate of plates) {
    const others = plates.filter((other) => other !== plate).map(({ box }) => box)
    let best: Rect | undefined
    let least = Number.POSITIVE_INFINITY
    for (const [rank, place] of candidates(plate).entries()) {
      const inside = clampInto(place, picture)
      const moved = Math.abs(inside.x - place.x) + Math.abs(inside.y - place.y)
      // Hiding another name is worst, then leaving the box, then lying on a neighbour; the order of the places decides the rest.
      const cost =
        1000 * covered(inside, taken) + 20 * (moved / plate.height) + 4 * covered(inside, others) + 0.1 * rank
      if (cost < least) [best, least] = [inside, cost]
    }
    taken.push(best!)
  }
  return taken
}

/** On the box's upper edge, inside it, below it, at its right; then rows further away for crowds. */
function candidates({ box, width, height }: PlateToPlace): readonly Rect[] {
  const right = box.x + box.width - width
  const bottom = box.y + box.height
  const rows = [box.y - height, box.y, bottom, bottom - height]
  for (let row = 1; row <= 6; row += 1) rows.push(box.y + row * height, box.y - (row + 1) * height)
  return rows.flatMap((y) => [box.x, right].map((x) => ({ x, y, width, height })))
}

function clampInto(rect: Rect, picture: Rect): Rect {
  const x = Math.max(picture.x, Math.min(rect.x, picture.x + picture.width - rect.width))
  const y = Math.max(picture.y, Math.min(rect.y, picture.y + picture.height - rect.height))
  return { ...rect, x, y }
}

/** The part of the plate's area that lies under the others, 0..others.length. */
function covered(plate: Rect, others: readonly Rect[]): number {
  const area = Math.max(plate.width * plate.height, 1e-9)
  let sum = 0
  for (const other of others) {
    const width = Math.min(plate.x + plate.width, other.x + other.width) - Math.max(plate.x, other.x)
    const height = Math.min(plate.y + plate.height, other.y + other.height) - Math.max(plate.y, other.y)
    if (width > 0 && height > 0) sum += (width * height) / area
  }
  return sum
}
