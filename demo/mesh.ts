/** Surfaces as triangle grids with normals and texture coordinates; lengths in cm, y upwards, the front of a package towards +z. */

export type Vector = readonly [x: number, y: number, z: number]

export interface Mesh {
  /** x, y, z of each vertex. */
  readonly positions: Float32Array
  /** Unit length, outwards. */
  readonly normals: Float32Array
  /** u to the right, v downwards, 0..1. */
  readonly coordinates: Float32Array
  /** Three vertices a triangle, counter-clockwise seen from outside. */
  readonly triangles: Uint16Array
}

/**
 * The surface of `at` over 0..1 × 0..1 as columns × rows cells; u runs to the right and v downwards seen from outside.
 * Normals come from differences, so that any smooth surface has the right ones.
 */
export function patch(columns: number, rows: number, at: (u: number, v: number) => Vector): Mesh {
  const count = (columns + 1) * (rows + 1)
  const positions = new Float32Array(count * 3)
  const normals = new Float32Array(count * 3)
  const coordinates = new Float32Array(count * 2)
  const triangles = new Uint16Array(columns * rows * 6)
  const step = 1e-3
  for (let row = 0, vertex = 0; row <= rows; row += 1) {
    for (let column = 0; column <= columns; column += 1, vertex += 1) {
      const u = column / columns
      const v = row / rows
      positions.set(at(u, v), vertex * 3)
      const along = difference(at(Math.min(1, u + step), v), at(Math.max(0, u - step), v))
      const down = difference(at(u, Math.min(1, v + step)), at(u, Math.max(0, v - step)))
      normals.set(unit(cross(down, along)), vertex * 3)
      coordinates.set([u, v], vertex * 2)
    }
  }
  for (let row = 0, next = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, next += 6) {
      const first = row * (columns + 1) + column
      const below = first + columns + 1
      triangles.set([first, below, first + 1, first + 1, below, below + 1], next)
    }
  }
  return { positions, normals, coordinates, triangles }
}

/** A flat parallelogram from its upper left corner, seen from outside. */
export const plane = (corner: Vector, right: Vector, down: Vector, columns = 4, rows = 4): Mesh =>
  patch(columns, rows, (u, v) => [
    corner[0] + right[0] * u + down[0] * v,
    corner[1] + right[1] * u + down[1] * v,
    corner[2] + right[2] * u + down[2] * v,
  ])

/** The six faces of a block that stands on 0,0,0. */
export function block(
  width: number,
  height: number,
  depth: number,
): Readonly<Record<'front' | 'back' | 'left' | 'right' | 'top' | 'bottom', Mesh>> {
  const [x, z] = [width / 2, depth / 2]
  const down: Vector = [0, -height, 0]
  return {
    front: plane([-x, height, z], [width, 0, 0], down),
    back: plane([x, height, -z], [-width, 0, 0], down),
    left: plane([-x, height, -z], [0, 0, depth], down),
    right: plane([x, height, z], [0, 0, -depth], down),
    top: plane([-x, height, -z], [width, 0, 0], [0, 0, depth]),
    bottom: plane([-x, 0, z], [width, 0, 0], [0, 0, -depth]),
  }
}

/** A profile of radii from the top (v = 0) to the bottom turned around the y axis; u = 0.5 is the front. */
export function turned(height: number, radius: (v: number) => number, rows: number): Mesh {
  const known = new Map<number, number>()
  return patch(48, rows, (u, v) => {
    const r = known.get(v) ?? radius(v)
    known.set(v, r)
    const angle = (u - 0.5) * 2 * Math.PI
    return [r * Math.sin(angle), height * (1 - v), r * Math.cos(angle)]
  })
}

/** A level disc; the texture's centre is the disc's. `sign` is 1 for a top, -1 for a bottom. */
export function disc(radius: number, y: number, sign: 1 | -1): Mesh {
  // A hair's breadth above nought, or the middle would have no normal.
  const mesh = patch(48, 3, (u, v) => {
    const angle = (u - 0.5) * 2 * Math.PI
    const r = radius * Math.max(1e-3, sign > 0 ? v : 1 - v)
    return [r * Math.sin(angle), y, r * Math.cos(angle)]
  })
  const { positions, coordinates } = mesh
  for (let vertex = 0; vertex < coordinates.length / 2; vertex += 1) {
    coordinates[vertex * 2] = 0.5 + positions[vertex * 3]! / radius / 2
    coordinates[vertex * 2 + 1] = 0.5 + positions[vertex * 3 + 2]! / radius / 2
  }
  return mesh
}

const difference = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]]

export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
]

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

export function unit(a: Vector): Vector {
  const length = Math.hypot(a[0], a[1], a[2]) || 1
  return [a[0] / length, a[1] / length, a[2] / length]
}
