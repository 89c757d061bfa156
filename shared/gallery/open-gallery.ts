/** Opens a gallery by its location. */
import type { Gallery, GalleryEmbedder } from './gallery.ts'
import { type OpenMode, openSqliteGallery } from './sqlite-gallery.ts'

/** `location` is a folder. `mode` 'replace' makes the gallery, or empties one of another embedder. */
export const openGallery = (location: string, embedder: GalleryEmbedder, mode: OpenMode = 'read'): Promise<Gallery> =>
  openSqliteGallery({ folder: location, embedder, mode })
