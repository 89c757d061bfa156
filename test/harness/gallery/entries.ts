/** Repeatable gallery entries. */
import type { GalleryEmbedder, GalleryEntry } from '../../../shared/gallery/gallery.ts'
import { noise } from '../noise.ts'

export const embedder: GalleryEmbedder = { name: 'probe', sha256: 'ab'.repeat(32), dimension: 32 }

/** A repeatable unit vector. */
export function vectorOf(seed: number, dimension = embedder.dimension): Float32Array {
  const values = Float32Array.from(noise(dimension * 2, seed + 1).subarray(dimension), (byte) => byte - 127.5)
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}

export const entryOf = (id: string, seed: number, fields: Partial<GalleryEntry> = {}): GalleryEntry => ({
  id,
  item: `item-${id}`,
  label: `Label ${id}`,
  vector: vectorOf(seed),
  metadata: {},
  ...fields,
})

const depth = 64
const directions = Array.from({ length: depth }, (_, index) => vectorOf(900_000 + index, 512))

/**
 * The vector of a picture of an item as embedders make them: 512 values that vary along far fewer directions between the
 * items, and by some noise between the pictures of one.
 */
export function pictureVector(item: number, picture: number): Float32Array {
  const place = vectorOf(item, depth)
  const blur = vectorOf(100_000 + item * 100 + picture, 512)
  const values = blur.map((value, index) =>
    directions.reduce((sum, direction, axis) => sum + place[axis]! * direction[index]!, value / 2),
  )
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}
