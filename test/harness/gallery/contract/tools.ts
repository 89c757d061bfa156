/** What the parts of the contract suite share: a driver to open, and every operation of the port. */
import type { Gallery, GalleryBuild, GalleryEmbedder, OpenMode } from '@sightline/shared/gallery/gallery.ts'
import { openGallery, openGalleryBuild } from '@sightline/shared/gallery/open-gallery.ts'
import { embedder, entryOf, vectorOf } from '../entries.ts'

export interface GalleryDriver {
  readonly name: string
  /** A location where there is nothing yet. */
  newLocation(): Promise<string>
  /** Puts something else there, and returns what tells that it is still the same. */
  occupy(location: string): Promise<() => Promise<unknown>>
  /** Takes the gallery away, as its administrator would. */
  destroy(location: string): Promise<void>
  /** Why `info` may tell of another's change late, and how late, in ms. */
  readonly lateInfo?: { readonly reason: string; readonly ms: number }
  /** Why it is not asked for what is true and what is false. */
  readonly noTruths?: { readonly reason: string }
  /** Why a writer that was killed is still told to hold the gallery, and how long, in ms. */
  readonly lateRelease?: { readonly reason: string; readonly ms: number }
}

/** Of other vectors than the entries' embedder. */
export const other: GalleryEmbedder = { name: 'other', sha256: 'cd'.repeat(32), dimension: 16 }

export interface ContractTools extends GalleryDriver {
  open(location: string, mode: OpenMode, whose?: GalleryEmbedder): Promise<Gallery>
  build(location: string, whose?: GalleryEmbedder): Promise<GalleryBuild>
  /** An empty gallery at a place of its own. */
  openNew(): Promise<Gallery>
}

export const contractTools = (driver: GalleryDriver): ContractTools => ({
  ...driver,
  open: (location, mode, whose = embedder) => openGallery(location, whose, mode),
  build: (location, whose = embedder) => openGalleryBuild(location, whose),
  openNew: async () => openGallery(await driver.newLocation(), embedder, 'create'),
})

export async function idsOf(gallery: Gallery, ...[selection = {}]: Partial<Parameters<Gallery['list']>>) {
  const ids: string[] = []
  for await (const { id } of gallery.list(selection)) ids.push(id)
  return ids
}

/** Every operation of the port, to be refused. */
export const operations: readonly (readonly [name: string, use: (gallery: Gallery) => Promise<unknown>])[] = [
  ['info', (gallery) => gallery.info()],
  ['put', (gallery) => gallery.put([entryOf('new', 1)])],
  ['remove some', (gallery) => gallery.remove({ ids: ['a'] })],
  ['remove all', (gallery) => gallery.remove({})],
  ['get', (gallery) => gallery.get(['a'])],
  ['list', (gallery) => idsOf(gallery)],
  ['rules', (gallery) => gallery.rules()],
  ['set rules', (gallery) => gallery.setRules({ items: {}, labels: {} })],
  ['search', (gallery) => gallery.search([vectorOf(1)], 1)],
]
