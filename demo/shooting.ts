/** Takes pictures of products in a room: shadows, objects, lens and sensor, and the truth about what is to be seen. */
import sharp from 'sharp'
import type { Part } from './package-shapes.ts'
import { packageParts } from './package-shapes.ts'
import { type Product, products } from './products.ts'
import type { Random } from './random.ts'
import { type Canvas, drawPart, newCanvas } from './rasterize.ts'
import type { Room } from './rooms.ts'
import type { Moment, Staged } from './scripts.ts'
import { type Exposure, expose } from './sensor.ts'
import { castShadows } from './shadow.ts'
import { projectionOf } from './view.ts'

/** An object that is really there. */
export interface TrueObject {
  /** The gallery item; null where the product is not enrolled. */
  readonly item: string | null
  readonly label: string
  /** Of what is seen of it, in pixels of the frame. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number]
  /** Part of what is in the frame that is seen, 0..1: the rest is behind others. */
  readonly visible: number
}

export interface Shot {
  readonly jpeg: Uint8Array
  readonly truth: readonly TrueObject[]
}

/** Parts of every product, drawn once. */
export type Stock = ReadonlyMap<Product, readonly Part[]>

export async function makeStock(): Promise<Stock> {
  const parts = await Promise.all(products.map(({ shape, design }) => packageParts(shape, design)))
  return new Map(products.map((product, index) => [product, parts[index]!]))
}

/** Objects are rendered at twice the resolution and averaged, for smooth edges. */
const oversampling = 2

export interface FilmSet {
  shoot(moment: Moment, stock: Stock, random: Random): Promise<Shot>
}

/** Renders the room once; every shot starts from a copy. */
export async function openSet(room: Room): Promise<FilmSet> {
  const { view, lighting } = room
  const { width, height } = view
  const coarse = projectionOf(view, 1)
  const fine = projectionOf(view, oversampling)
  const empty = newCanvas(width, height)
  for (const { part, placement } of room.furniture) drawPart(empty, coarse, part, placement, lighting, 0)
  // The room is rendered coarsely, objects finely: a little blur takes the steps off its edges.
  const background = await sharp(empty.colour, { raw: { width, height, channels: 3 } })
    .blur(0.7)
    .raw()
    .toBuffer()
  const canvas = newCanvas(width * oversampling, height * oversampling)
  const nearness = enlarged(empty)

  return {
    async shoot(moment, stock, random) {
      canvas.nearness.set(nearness)
      canvas.owner.fill(0)
      const colour = new Uint8Array(background)
      const casters = moment.map(({ product, placement }) => ({ parts: stock.get(product)!, placement }))
      await castShadows(colour, width, height, coarse, casters, lighting.direction)
      const covered = moment.map(({ product, placement }, index) => {
        const light = { ...lighting, ground: placement.position[1] }
        const pixels = stock.get(product)!.map((part) => drawPart(canvas, fine, part, placement, light, index + 1))
        return pixels.reduce((sum, one) => sum + one, 0)
      })
      const truth = truthOf(canvas, moment, covered)
      for (const { box } of truth) average(canvas, colour, width, box)
      return { jpeg: await expose(colour, width, height, exposureOf(room, random), random), truth }
    },
  }
}

/** How near the room's furniture is, for the fine canvas: what stands before an object hides it. */
function enlarged({ width, height, nearness }: Canvas): Float32Array {
  const fine = new Float32Array(nearness.length * oversampling * oversampling)
  for (let y = 0, at = 0; y < height * oversampling; y += 1) {
    const row = (y >> 1) * width
    for (let x = 0; x < width * oversampling; x += 1, at += 1) fine[at] = nearness[row + (x >> 1)]!
  }
  return fine
}

/** Automatic exposure hunts a little, people walk by, hands shake. */
const exposureOf = (room: Room, random: Random): Exposure => ({
  gain: 1 + 0.04 * random.normal(),
  tint: room.tint,
  blur: room.blur * random.between(0.85, 1.6),
  noise: room.noise * random.between(0.8, 1.3),
  quality: random.integer(78, 88),
})

/**
 * Averages 2 × 2 fine pixels into one of `colour` within the box; those of no object count as what is there already.
 * Boxes may overlap: what was averaged is disowned, so that it is not averaged again.
 */
function average(
  { owner, colour: fine, width: fineWidth }: Canvas,
  colour: Uint8Array,
  width: number,
  [x1, y1, x2, y2]: TrueObject['box'],
): void {
  for (let y = Math.floor(y1); y < y2; y += 1) {
    for (let x = Math.floor(x1); x < x2; x += 1) {
      const upper = y * oversampling * fineWidth + x * oversampling
      const lower = upper + fineWidth
      const a = owner[upper]
      const b = owner[upper + 1]
      const c = owner[lower]
      const d = owner[lower + 1]
      if (a === 0 && b === 0 && c === 0 && d === 0) continue
      const to = (y * width + x) * 3
      for (let channel = 0; channel < 3; channel += 1) {
        const ground = colour[to + channel]!
        const first = a === 0 ? ground : fine[upper * 3 + channel]!
        const second = b === 0 ? ground : fine[upper * 3 + 3 + channel]!
        const third = c === 0 ? ground : fine[lower * 3 + channel]!
        const fourth = d === 0 ? ground : fine[lower * 3 + 3 + channel]!
        colour[to + channel] = (first + second + third + fourth + 2) >> 2
      }
      owner[upper] = 0
      owner[upper + 1] = 0
      owner[lower] = 0
      owner[lower + 1] = 0
    }
  }
}

function truthOf(
  { width, height, owner }: Canvas,
  moment: readonly Staged[],
  covered: readonly number[],
): readonly TrueObject[] {
  const seen = moment.map(() => ({ pixels: 0, x1: width, y1: height, x2: 0, y2: 0 }))
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      const number = owner[at]!
      if (number === 0) continue
      const found = seen[number - 1]!
      found.pixels += 1
      if (x < found.x1) found.x1 = x
      if (x >= found.x2) found.x2 = x + 1
      if (y < found.y1) found.y1 = y
      if (y >= found.y2) found.y2 = y + 1
    }
  }
  return moment.flatMap(({ product }, index) => {
    const { pixels, x1, y1, x2, y2 } = seen[index]!
    if (pixels === 0) return []
    return {
      item: product.isEnrolled ? product.item : null,
      label: product.label,
      box: [x1 / oversampling, y1 / oversampling, x2 / oversampling, y2 / oversampling] as const,
      visible: pixels / covered[index]!,
    }
  })
}
