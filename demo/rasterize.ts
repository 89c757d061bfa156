/** A small software renderer: textured, lit triangles into a colour, a depth and an object plane. */
import type { Vector } from './mesh.ts'
import type { Part } from './package-shapes.ts'
import type { Texture } from './texture.ts'
import type { Projection } from './view.ts'

/** What is rendered, at `width` × `height` pixels. */
export interface Canvas {
  readonly width: number
  readonly height: number
  /** RGB, row by row. */
  readonly colour: Uint8Array
  /** 1 / distance; 0 where nothing was drawn. */
  readonly nearness: Float32Array
  /** Which object is seen, by its number; 0 is none. */
  readonly owner: Uint8Array
}

export const newCanvas = (width: number, height: number): Canvas => ({
  width,
  height,
  colour: new Uint8Array(width * height * 3),
  nearness: new Float32Array(width * height),
  owner: new Uint8Array(width * height),
})

/** Where a thing stands: turned about its own foot, then moved. */
export interface Placement {
  /** On the level it stands or lies on. */
  readonly position: Vector
  /** Height of its foot above that level, for what lies on its side. */
  readonly lift: number
  /** Degrees about the upright axis, then tipped backwards. */
  readonly yaw: number
  readonly tip: number
}

export interface Lighting {
  /** Towards the light, unit length. */
  readonly direction: Vector
  readonly key: number
  readonly ambient: number
  /** Height in cm of the ground, near which less light comes in; null far from any. */
  readonly ground: number | null
}

/** The axes of a thing in the room: where its x, y and z point. */
export function axesOf({ yaw, tip }: Placement): { readonly x: Vector; readonly y: Vector; readonly z: Vector } {
  const [a, b] = [(yaw * Math.PI) / 180, (tip * Math.PI) / 180]
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)]
  return { x: [ca, 0, -sa], y: [-sb * sa, cb, -sb * ca], z: [cb * sa, sb, cb * ca] }
}

/** One value of each vertex, in arrays that are used again for every part. */
interface Vertices {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly nearness: Float64Array
  readonly light: Float64Array
  readonly shine: Float64Array
}

const maxVertices = 4096
const vertices: Vertices = {
  x: new Float64Array(maxVertices),
  y: new Float64Array(maxVertices),
  nearness: new Float64Array(maxVertices),
  light: new Float64Array(maxVertices),
  shine: new Float64Array(maxVertices),
}

/** Draws a part; returns how many pixels it covers where nothing is before it, hidden ones included. */
export function drawPart(
  canvas: Canvas,
  projection: Projection,
  part: Part,
  placement: Placement,
  lighting: Lighting,
  owner: number,
): number {
  placeVertices(projection, part, placement, lighting)
  const { triangles, coordinates } = part.mesh
  let covered = 0
  for (let at = 0; at < triangles.length; at += 3) {
    covered += drawTriangle(
      canvas,
      part.texture,
      coordinates,
      triangles[at]!,
      triangles[at + 1]!,
      triangles[at + 2]!,
      owner,
    )
  }
  return covered
}

function placeVertices(projection: Projection, part: Part, placement: Placement, lighting: Lighting): void {
  const { positions, normals } = part.mesh
  const { x, y, z } = axesOf(placement)
  const { eye, right, up, forward, focal, centreX, centreY } = projection
  const light = lighting.direction
  const [startX, startY, startZ] = placement.position
  for (let vertex = 0, at = 0; at < positions.length; vertex += 1, at += 3) {
    const [p, q, r] = [positions[at]!, positions[at + 1]!, positions[at + 2]!]
    const px = startX + p * x[0] + q * y[0] + r * z[0]
    const py = startY + placement.lift + p * x[1] + q * y[1] + r * z[1]
    const pz = startZ + p * x[2] + q * y[2] + r * z[2]
    const [n, m, k] = [normals[at]!, normals[at + 1]!, normals[at + 2]!]
    const nx = n * x[0] + m * y[0] + k * z[0]
    const ny = n * x[1] + m * y[1] + k * z[1]
    const nz = n * x[2] + m * y[2] + k * z[2]
    // From the eye to the point.
    const dx = px - eye[0]
    const dy = py - eye[1]
    const dz = pz - eye[2]
    const distance = dx * forward[0] + dy * forward[1] + dz * forward[2]
    const perCm = focal / distance
    vertices.x[vertex] = centreX + (dx * right[0] + dy * right[1] + dz * right[2]) * perCm
    vertices.y[vertex] = centreY - (dx * up[0] + dy * up[1] + dz * up[2]) * perCm
    vertices.nearness[vertex] = distance > 1 ? 1 / distance : 0
    const facing = nx * light[0] + ny * light[1] + nz * light[2]
    const openness = lighting.ground === null ? 1 : 0.72 + 0.28 * Math.min(1, Math.max(0, (py - lighting.ground) / 7))
    const sky = 0.78 + 0.22 * ny
    vertices.light[vertex] = (lighting.ambient * sky + lighting.key * Math.max(0, facing)) * openness
    // Blinn's highlight of the lamp, and a broad one of a window at the side.
    const far = Math.hypot(dx, dy, dz)
    const [ex, ey, ez] = [-dx / far, -dy / far, -dz / far]
    const lamp = halfway(nx, ny, nz, ex + light[0], ey + light[1], ez + light[2])
    const window = halfway(nx, ny, nz, ex - 0.75, ey + 0.1, ez)
    vertices.shine[vertex] = part.gloss * (150 * lamp ** 36 + 60 * window ** 60)
  }
}

/** Cosine between a unit normal and a direction of any length; nought where they point apart. */
const halfway = (nx: number, ny: number, nz: number, x: number, y: number, z: number): number =>
  Math.max(0, (nx * x + ny * y + nz * z) / Math.hypot(x, y, z))

/** Scan conversion with perspective-correct texture: u/z, v/z, light/z and 1/z are linear on the screen. */
function drawTriangle(
  canvas: Canvas,
  { levels }: Texture,
  coordinates: Float32Array,
  a: number,
  b: number,
  c: number,
  owner: number,
): number {
  const { width, height, colour, nearness, owner: owners } = canvas
  const { x, y, nearness: near, light, shine } = vertices
  const an = near[a]!
  const bn = near[b]!
  const cn = near[c]!
  if (an === 0 || bn === 0 || cn === 0) return 0
  const ax = x[a]!
  const ay = y[a]!
  const bx = x[b]!
  const by = y[b]!
  const cx = x[c]!
  const cy = y[c]!
  // Twice the area; the screen's y points downwards, so a triangle seen from outside is negative.
  const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
  if (area >= -1e-9) return 0
  const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5))
  const bottom = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5))
  const leftmost = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5))
  const rightmost = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5))
  if (top > bottom || leftmost > rightmost) return 0

  const texture = levels[levelOf(levels, coordinates, a, b, c, -area)]!
  const { data } = texture
  const stride = texture.width * 3
  const maxU = texture.width - 1.001
  const maxV = texture.height - 1.001
  // Everything below is a linear function of the screen once divided by the distance: value at a, and its change to b and c.
  const aun = coordinates[a * 2]! * texture.width * an
  const avn = coordinates[a * 2 + 1]! * texture.height * an
  const bun = coordinates[b * 2]! * texture.width * bn - aun
  const bvn = coordinates[b * 2 + 1]! * texture.height * bn - avn
  const cun = coordinates[c * 2]! * texture.width * cn - aun
  const cvn = coordinates[c * 2 + 1]! * texture.height * cn - avn
  const aln = light[a]! * an
  const bln = light[b]! * bn - aln
  const cln = light[c]! * cn - aln
  const asn = shine[a]! * an
  const bsn = shine[b]! * bn - asn
  const csn = shine[c]! * cn - asn

  // Weights of b and c as linear functions of the pixel; a's is the rest.
  const bStepX = (cy - ay) / area
  const bStepY = (ax - cx) / area
  const cStepX = (ay - by) / area
  const cStepY = (bx - ax) / area
  let covered = 0
  for (let row = top; row <= bottom; row += 1) {
    const down = row + 0.5 - ay
    const bRow = (0.5 - ax) * bStepX + down * bStepY
    const cRow = (0.5 - ax) * cStepX + down * cStepY
    // The row's first and last pixel at which all three weights are at least nought.
    const from = Math.max(leftmost, start(bRow, bStepX), start(cRow, cStepX), start(1 - bRow - cRow, -bStepX - cStepX))
    const to = Math.min(rightmost, end(bRow, bStepX), end(cRow, cStepX), end(1 - bRow - cRow, -bStepX - cStepX))
    for (let column = from; column <= to; column += 1) {
      covered += 1
      const wb = bRow + column * bStepX
      const wc = cRow + column * cStepX
      const n = an + wb * (bn - an) + wc * (cn - an)
      const pixel = row * width + column
      if (n <= nearness[pixel]!) continue
      nearness[pixel] = n
      owners[pixel] = owner
      const u = Math.max(0, Math.min(maxU, (aun + wb * bun + wc * cun) / n - 0.5))
      const v = Math.max(0, Math.min(maxV, (avn + wb * bvn + wc * cvn) / n - 0.5))
      const l = (aln + wb * bln + wc * cln) / n
      const s = (asn + wb * bsn + wc * csn) / n
      const iu = u | 0
      const iv = v | 0
      const fu = u - iu
      const fv = v - iv
      const texel = iv * stride + iu * 3
      const below = texel + stride
      const w00 = (1 - fu) * (1 - fv) * l
      const w01 = fu * (1 - fv) * l
      const w10 = (1 - fu) * fv * l
      const w11 = fu * fv * l
      const red = s + w00 * data[texel]! + w01 * data[texel + 3]! + w10 * data[below]! + w11 * data[below + 3]!
      const green =
        s + w00 * data[texel + 1]! + w01 * data[texel + 4]! + w10 * data[below + 1]! + w11 * data[below + 4]!
      const blue = s + w00 * data[texel + 2]! + w01 * data[texel + 5]! + w10 * data[below + 2]! + w11 * data[below + 5]!
      colour[pixel * 3] = Math.min(255, red)
      colour[pixel * 3 + 1] = Math.min(255, green)
      colour[pixel * 3 + 2] = Math.min(255, blue)
    }
  }
  return covered
}

/** The level whose texels are about as large as the pixels. */
function levelOf(
  levels: Texture['levels'],
  coordinates: Float32Array,
  a: number,
  b: number,
  c: number,
  pixels: number,
): number {
  const bu = coordinates[b * 2]! - coordinates[a * 2]!
  const bv = coordinates[b * 2 + 1]! - coordinates[a * 2 + 1]!
  const cu = coordinates[c * 2]! - coordinates[a * 2]!
  const cv = coordinates[c * 2 + 1]! - coordinates[a * 2 + 1]!
  const texels = Math.abs(bu * cv - cu * bv) * levels[0]!.width * levels[0]!.height
  return Math.max(0, Math.min(levels.length - 1, Math.round(0.5 * Math.log2(texels / pixels + 1e-9))))
}

/** First and last whole number at which `value + n · step` is at least nought. */
const start = (value: number, step: number): number =>
  step > 1e-12
    ? Math.ceil(-value / step)
    : step < -1e-12 || value >= 0
      ? Number.NEGATIVE_INFINITY
      : Number.POSITIVE_INFINITY

const end = (value: number, step: number): number =>
  step < -1e-12 ? Math.floor(-value / step) : Number.POSITIVE_INFINITY
