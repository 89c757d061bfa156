/** Galleries of random unit vectors: as long as real ones to search, and nothing in them is ever recognized. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../demo/random.ts'
import { type Gallery, type GalleryEmbedder, galleryEmbedder } from '../shared/gallery/gallery.ts'
import { openGallery } from '../shared/gallery/open-gallery.ts'
import { readEmbedderManifest } from '../shared/inference/models-folder.ts'

/** Of the reference's own measurements. */
export const usualEntries = 10_000

const atOnce = 1000

export interface MadeGallery extends AsyncDisposable {
  readonly folder: string
  readonly gallery: Gallery
}

/** For the embedder that a models folder has in use. */
export async function makeGallery(models: string, entries: number): Promise<MadeGallery> {
  const embedder = galleryEmbedder(await readEmbedderManifest(models))
  const root = await mkdtemp(join(tmpdir(), 'sightline-'))
  const folder = join(root, 'gallery')
  await using scope = new AsyncDisposableStack()
  scope.defer(() => rm(root, { recursive: true, force: true }))
  const gallery = scope.use(await openGallery(folder, embedder, 'create'))
  for (let from = 0; from < entries; from += atOnce) {
    const count = Math.min(atOnce, entries - from)
    const vectors = randomVectors(embedder, count, `gallery ${from}`)
    await gallery.put(
      vectors.map((vector, index) => {
        const id = `picture-${from + index}`
        return { id, item: `item-${(from + index) >> 2}`, label: `Item ${(from + index) >> 2}`, vector, metadata: {} }
      }),
    )
  }
  const owned = scope.move()
  return { folder, gallery, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Of unit length, the same for the same seed. */
export function randomVectors({ dimension }: GalleryEmbedder, count: number, seed: string): readonly Float32Array[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => {
    const vector = Float32Array.from({ length: dimension }, () => random.normal())
    const length = Math.hypot(...vector)
    return vector.map((value) => value / length)
  })
}
