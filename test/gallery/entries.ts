/** Repeatable gallery entries. */
import type { GalleryEmbedder, GalleryEntry } from '../../shared/gallery/gallery.ts'
import { noise } from '../support/noise.ts'

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
