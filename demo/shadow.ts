/** Shadows that things cast on the level they stand on: soft ones away from the light, dark ones where they touch. */
import sharp from 'sharp'
import type { Vector } from './mesh.ts'
import type { Part } from './package-shapes.ts'
import { axesOf, type Placement } from './rasterize.ts'
import { type Projection, project } from './view.ts'

/** A part and where it stands; its shadow falls on the level of its position. */
export interface Caster {
  readonly parts: readonly Part[]
  readonly placement: Placement
}

/** 255 in the shade, 0 in the light, at width × height. */
async function softMask(mask: Uint8Array, width: number, height: number, blur: number): Promise<Uint8Array> {
  return sharp(mask, { raw: { width, height, channels: 1 } })
    .blur(blur)
    .extractChannel(0)
    .raw()
    .toBuffer()
}

/** Darkens the colour plane (RGB, of the projection's size) by what the casters keep from the light. */
export async function castShadows(
  colour: Uint8Array,
  width: number,
  height: number,
  projection: Projection,
  casters: readonly Caster[],
  light: Vector,
): Promise<void> {
  if (casters.length === 0) return
  const long = new Uint8Array(width * height)
  const near = new Uint8Array(width * height)
  for (const { parts, placement } of casters) {
    for (const part of parts) {
      fillShadow(long, width, height, projection, part, placement, light, Number.POSITIVE_INFINITY)
      fillShadow(near, width, height, projection, part, placement, [0, 1, 0], 3)
    }
  }
  const scale = width / 960
  const [soft, touch] = await Promise.all([
    softMask(long, width, height, 7 * scale),
    softMask(near, width, height, 4 * scale),
  ])
  for (let pixel = 0; pixel < soft.length; pixel += 1) {
    if (soft[pixel] === 0 && touch[pixel] === 0) continue
    const light = (1 - (0.46 * soft[pixel]!) / 255) * (1 - (0.5 * touch[pixel]!) / 255)
    for (let at = pixel * 3; at < pixel * 3 + 3; at += 1) colour[at] = colour[at]! * light
  }
}

/** Fills where the part's surface up to `reach` cm above the level hides the light. */
function fillShadow(
  mask: Uint8Array,
  width: number,
  height: number,
  projection: Projection,
  { mesh }: Part,
  placement: Placement,
  light: Vector,
  reach: number,
): void {
  const { positions, triangles } = mesh
  const { x: axisX, y: axisY, z: axisZ } = axesOf(placement)
  const [px, level, pz] = placement.position
  const count = positions.length / 3
  const xs = new Float64Array(count)
  const ys = new Float64Array(count)
  for (let vertex = 0, at = 0; vertex < count; vertex += 1, at += 3) {
    const [p, q, r] = [positions[at]!, positions[at + 1]!, positions[at + 2]!]
    const height = placement.lift + p * axisX[1] + q * axisY[1] + r * axisZ[1]
    const along = Math.min(reach, Math.max(0, height)) / light[1]
    const [x, y, distance] = project(projection, [
      px + p * axisX[0] + q * axisY[0] + r * axisZ[0] - light[0] * along,
      level,
      pz + p * axisX[2] + q * axisY[2] + r * axisZ[2] - light[2] * along,
    ])
    xs[vertex] = distance > 1 ? x : Number.NaN
    ys[vertex] = y
  }
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [triangles[at]!, triangles[at + 1]!, triangles[at + 2]!]
    fillTriangle(mask, width, height, xs[a]!, ys[a]!, xs[b]!, ys[b]!, xs[c]!, ys[c]!)
  }
}

/** Row by row between the edges; triangles with a corner behind the camera (NaN) are left out. */
function fillTriangle(
  mask: Uint8Array,
  width: number,
  height: number,
  ax: number,
  ay: number,
  bx: number,
  by: number,
  cx: number,
  cy: number,
): void {
  if (Number.isNaN(ax + bx + cx)) return
  const top = Math.max(0, Math.ceil(Math.min(ay, by, cy)))
  const bottom = Math.min(height - 1, Math.floor(Math.max(ay, by, cy)))
  for (let y = top; y <= bottom; y += 1) {
    const ab = crossing(ax, ay, bx, by, y)
    const bc = crossing(bx, by, cx, cy, y)
    const ca = crossing(cx, cy, ax, ay, y)
    // NaN: the row does not meet that edge.
    const from = Math.max(0, Math.ceil(least(least(ab, bc), ca)))
    const to = Math.min(width - 1, Math.floor(-least(least(-ab, -bc), -ca)))
    if (from <= to) mask.fill(255, y * width + from, y * width + to + 1)
  }
}

const crossing = (x1: number, y1: number, x2: number, y2: number, y: number): number =>
  y1 === y2 || y < Math.min(y1, y2) || y > Math.max(y1, y2) ? Number.NaN : x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)

const least = (a: number, b: number): number => (a <= b || Number.isNaN(b) ? a : b)
