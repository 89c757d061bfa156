/** Overlapping tiles of a frame, and which boxes are theirs (the slicing of SAHI, Akyon et al. 2022). Pure. */
import type { Corners } from '@sightline/shared/geometry/boxes.ts'
import type { PixelRect } from '@sightline/shared/imaging/rows.ts'
import type { Size } from './detected-box.ts'

export interface Grid {
  readonly columns: number
  readonly rows: number
}

/** Most tiles that may be asked for: each costs a run of the network. */
const most = 64

/** Reads `3x2`, columns by rows; undefined for anything else. */
export function parseGrid(text: string): Grid | undefined {
  const [, columns, rows] = /^([1-9]\d?)x([1-9]\d?)$/.exec(text) ?? []
  const grid = { columns: Number(columns), rows: Number(rows) }
  return grid.columns * grid.rows <= most ? grid : undefined
}

/** Share of a tile that its neighbour sees too: what is smaller is seen whole by one of them. */
const overlap = 0.2

/** The tiles row by row, in whole pixels of the frame, as even as they go; at least a pixel each. */
export function tilesOf(frame: Size, { columns, rows }: Grid): readonly PixelRect[] {
  const across = spansOf(frame.width, columns)
  return spansOf(frame.height, rows).flatMap(([y1, y2]) => across.map(([x1, x2]) => ({ x1, y1, x2, y2 })))
}

function spansOf(size: number, asked: number): readonly (readonly [number, number])[] {
  const count = Math.min(asked, size)
  const length = size / (count - (count - 1) * overlap)
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor(index * length * (1 - overlap))
    return [start, index === count - 1 ? size : Math.min(Math.ceil(start + length), size)] as const
  })
}

/** Share of a tile's side: what ends so near to an inner border goes on behind it. */
const margin = 0.01

/** Whether a tile sees all of a box: it keeps off the tile's borders, those of the frame excepted. */
export function isWhole(box: Corners, tile: PixelRect, frame: Size): boolean {
  const [x, y] = [margin * (tile.x2 - tile.x1), margin * (tile.y2 - tile.y1)]
  return (
    (tile.x1 === 0 || box.x1 >= tile.x1 + x) &&
    (tile.y1 === 0 || box.y1 >= tile.y1 + y) &&
    (tile.x2 === frame.width || box.x2 <= tile.x2 - x) &&
    (tile.y2 === frame.height || box.y2 <= tile.y2 - y)
  )
}
