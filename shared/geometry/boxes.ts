/** Boxes and how much of them they share: once, for suppression, matching, evaluation and drawing alike. */

/** x2 and y2 are exclusive edges; any unit, the same for boxes that are compared. */
export interface Corners {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

/** x1, y1, x2, y2 in a row: how events and lists write a box. */
export type CornerTuple = readonly [number, number, number, number]

export const cornersOf = ([x1, y1, x2, y2]: CornerTuple): Corners => ({ x1, y1, x2, y2 })

export const area = ({ x1, y1, x2, y2 }: Corners): number => (x2 - x1) * (y2 - y1)

/** Area that both cover; 0 where they are apart. */
export function intersection(a: Corners, b: Corners): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1)
  return width <= 0 || height <= 0 ? 0 : width * height
}

/** Intersection over union, 0..1. */
export function iou(a: Corners, b: Corners): number {
  const shared = intersection(a, b)
  return shared === 0 ? 0 : shared / (area(a) + area(b) - shared)
}

/** The share of the smaller one that both cover, 0..1. */
export const sharedOfSmaller = (a: Corners, b: Corners): number =>
  intersection(a, b) / Math.max(Math.min(area(a), area(b)), 1e-9)
