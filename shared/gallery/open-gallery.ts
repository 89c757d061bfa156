/** Opens a gallery by its location. */
import type { Gallery, GalleryEmbedder } from './gallery.ts'
import { type OpenMode, openSqliteGallery } from './sqlite-gallery.ts'

export interface GalleryAccess {
  /** Of a Qdrant that asks for one. */
  readonly apiKey?: string | undefined
}

/** `location` is a folder. */
export const openGallery = (
  location: string,
  embedder: GalleryEmbedder,
  mode: OpenMode = 'read',
  _access: GalleryAccess = {},
): Promise<Gallery> => openSqliteGallery({ folder: location, embedder, mode })
