/** Opens a gallery by its location, or a build that is to replace it. */
import type { Gallery, GalleryBuild, GalleryEmbedder, OpenMode } from './gallery.ts'
import { isQdrantLocation } from './qdrant/qdrant-location.ts'

export interface GalleryAccess {
  /** Of a Qdrant that asks for one. */
  readonly apiKey?: string | undefined
}

/**
 * `location` is a folder, or `http(s)://HOST:6333/COLLECTION` of a Qdrant. Only the driver that it needs is loaded.
 *
 * @throws GALLERY_MISSING, GALLERY_CORRUPT or GALLERY_EMBEDDER, each with what to do; CONFIG_INVALID for a location or an
 * API key that can't be used; GALLERY_UNAVAILABLE (retryable) for a Qdrant that is away; GALLERY_BUSY (retryable) where it is
 * to be written or made and another one does so.
 */
export async function openGallery(
  location: string,
  embedder: GalleryEmbedder,
  mode: OpenMode = 'read',
  { apiKey }: GalleryAccess = {},
): Promise<Gallery> {
  if (isQdrantLocation(location)) {
    const { openQdrantGallery } = await import('./qdrant/qdrant-gallery.ts')
    return openQdrantGallery({ location, embedder, mode, apiKey })
  }
  const { openSqliteGallery } = await import('./sqlite/sqlite-gallery.ts')
  return openSqliteGallery({ folder: location, embedder, mode })
}

/** Begins a build, or goes on with one that was broken off. Throws what `openGallery` does, but for a gallery that is missing. */
export async function openGalleryBuild(
  location: string,
  embedder: GalleryEmbedder,
  { apiKey }: GalleryAccess = {},
): Promise<GalleryBuild> {
  if (isQdrantLocation(location)) {
    const { openQdrantBuild } = await import('./qdrant/qdrant-build.ts')
    return openQdrantBuild({ location, embedder, apiKey })
  }
  const { openSqliteBuild } = await import('./sqlite/sqlite-gallery.ts')
  return openSqliteBuild({ folder: location, embedder })
}
