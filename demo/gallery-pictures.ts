/** The sample gallery: each enrolled product from several sides, as a person would photograph it. */
import sharp from 'sharp'
import { plane, unit } from './mesh.ts'
import { type Product, products } from './products.ts'
import { type Random, seededRandom } from './random.ts'
import type { Placement } from './rasterize.ts'
import type { Room } from './rooms.ts'
import { openSet, type Stock, type TrueObject } from './shooting.ts'
import { paintedTexture } from './texture.ts'

export interface GalleryPicture {
  readonly item: string
  readonly label: string
  /** `norrun-oat-1.jpg` */
  readonly name: string
  readonly jpeg: Uint8Array
}

/** Pictures of each enrolled product from several sides, as a person would take them for a gallery. */
export async function* galleryPictures(stock: Stock, seed: string, each: number): AsyncGenerator<GalleryPicture> {
  for (const product of products.filter(({ isEnrolled }) => isEnrolled)) {
    const random = seededRandom(seed).fork(`gallery/${product.item}`)
    for (let index = 0; index < each; index += 1) {
      // The turns are spread evenly, or five pictures could all be from one side.
      const yaw = each === 1 ? 0 : -32 + (64 * index) / (each - 1) + random.between(-4, 4)
      const set = await openSet(studio(product, random))
      const placement: Placement = { position: [0, 0, 0], lift: 0, yaw, tip: 0 }
      const shot = await set.shoot([{ product, placement }], stock, random)
      const jpeg = await cutOut(shot.jpeg, shot.truth[0]!.box)
      yield { item: product.item, label: product.label, name: `${product.item}-${index + 1}.jpg`, jpeg }
    }
  }
}

/** A gallery picture is filled by its product, with a narrow margin. */
function cutOut(jpeg: Uint8Array, [x1, y1, x2, y2]: TrueObject['box']): Promise<Uint8Array> {
  const margin = 0.04 * Math.max(x2 - x1, y2 - y1)
  const left = Math.max(0, Math.round(x1 - margin))
  const top = Math.max(0, Math.round(y1 - margin))
  const width = Math.min(studioSize, Math.round(x2 + margin)) - left
  const height = Math.min(studioSize, Math.round(y2 + margin)) - top
  return sharp(jpeg).extract({ left, top, width, height }).jpeg({ quality: 90 }).toBuffer()
}

const studioSize = 400

/** A grey table and a camera close before the product. */
function studio({ shape }: Product, random: Random): Room {
  const reach = 'width' in shape ? Math.hypot(shape.width, shape.height) : Math.hypot(2 * shape.radius, shape.height)
  const distance = reach * random.between(2.3, 2.6)
  const rise = random.between(0.12, 0.42)
  const grey = random.between(190, 235)
  const table = paintedTexture(32, 32, (_x, y) => [grey - y * 0.6, grey - y * 0.6, grey - 4 - y * 0.6])
  const size = reach * 8
  return {
    view: {
      width: studioSize,
      height: studioSize,
      position: [random.normal() * 2, shape.height / 2 + distance * rise, distance],
      target: [0, shape.height * 0.48, 0],
      angle: 32,
    },
    lighting: { direction: unit([random.between(-0.6, 0.6), 0.7, 0.5]), key: 0.65, ambient: 0.6, ground: null },
    furniture: [
      {
        part: { mesh: plane([-size / 2, 0, -size / 2], [size, 0, 0], [0, 0, size], 24, 24), texture: table, gloss: 0 },
        placement: { position: [0, 0, 0], lift: 0, yaw: 0, tip: 0 },
      },
      {
        part: {
          mesh: plane([-size / 2, size / 2, -size / 3], [size, 0, 0], [0, -size / 2, 0], 12, 12),
          texture: table,
          gloss: 0,
        },
        placement: { position: [0, 0, 0], lift: 0, yaw: 0, tip: 0 },
      },
    ],
    tint: [random.between(0.97, 1.03), 1, random.between(0.96, 1.04)],
    noise: random.between(1.5, 3),
    blur: 0.5,
  }
}
