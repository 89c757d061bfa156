/** The pinhole camera: where a point of the room is in the picture. */
import { cross, dot, unit, type Vector } from './mesh.ts'

export interface View {
  /** Pixels of the picture. */
  readonly width: number
  readonly height: number
  /** cm. */
  readonly position: Vector
  readonly target: Vector
  /** Horizontal angle of view in degrees. */
  readonly angle: number
}

export interface Projection {
  readonly eye: Vector
  readonly right: Vector
  readonly up: Vector
  readonly forward: Vector
  /** Pixels a unit at distance 1. */
  readonly focal: number
  readonly centreX: number
  readonly centreY: number
}

/** `scale` multiplies the pixels: 2 for twice the resolution. */
export function projectionOf({ width, height, position, target, angle }: View, scale: number): Projection {
  const forward = unit([target[0] - position[0], target[1] - position[1], target[2] - position[2]])
  const right = unit(cross(forward, [0, 1, 0]))
  return {
    eye: position,
    forward,
    right,
    up: cross(right, forward),
    focal: ((width / 2) * scale) / Math.tan((angle / 2) * (Math.PI / 180)),
    centreX: (width / 2) * scale,
    centreY: (height / 2) * scale,
  }
}

/** Pixel position and distance along the view; a distance below 1 cm is behind or in the lens. */
export function project(projection: Projection, [x, y, z]: Vector): readonly [x: number, y: number, distance: number] {
  const { eye, focal, centreX, centreY } = projection
  const ray: Vector = [x - eye[0], y - eye[1], z - eye[2]]
  const distance = dot(ray, projection.forward)
  const perCm = focal / distance
  return [centreX + dot(ray, projection.right) * perCm, centreY - dot(ray, projection.up) * perCm, distance]
}
