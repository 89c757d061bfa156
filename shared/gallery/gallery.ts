/** The gallery port: what is known, one entry a picture, searched by cosine similarity. */
import type { GalleryRules } from './rules.ts'

/** One enrolled picture. */
export interface GalleryEntry {
  /** Id of the picture; putting the same id again replaces the entry. */
  readonly id: string
  /** What the picture shows: the identifier that events carry. */
  readonly item: string
  /** The item's name for people. */
  readonly label: string
  /** L2-normalized, as long as the embedder's dimension. */
  readonly vector: Float32Array
  readonly metadata: Readonly<Record<string, unknown>>
}

/** An entry found by a search; the cosine similarity is in -1..1, higher is more alike. */
export interface Hit {
  readonly id: string
  readonly item: string
  readonly label: string
  readonly score: number
}

/** The model whose vectors a gallery holds; vectors of any other are refused. */
export interface GalleryEmbedder {
  readonly name: string
  readonly sha256: string
  readonly dimension: number
  /** Least similarity of a recognition, where nobody says another one. Galleries of earlier versions do not tell it. */
  readonly threshold?: number
}

/** Of an embedder's manifest. */
export const galleryEmbedder = (manifest: {
  readonly name: string
  readonly sha256: string
  readonly output: { readonly dimension: number }
  readonly defaults: { readonly scoreThreshold: number }
}): GalleryEmbedder => ({
  name: manifest.name,
  sha256: manifest.sha256,
  dimension: manifest.output.dimension,
  threshold: manifest.defaults.scoreThreshold,
})

export interface GalleryInfo {
  /** Grows with every change; events carry it, so that an answer can be traced to what was known. */
  readonly revision: number
  /** Enrolled pictures. */
  readonly entries: number
  /** Distinct items. */
  readonly items: number
  readonly embedder: GalleryEmbedder
}

/** Which entries to list or remove: those that match every given field; an empty selection matches all. */
export interface GallerySelection {
  readonly ids?: readonly string[]
  readonly items?: readonly string[]
  readonly labels?: readonly string[]
  /** Of the bytes of their pictures, as `metadata.sha256` tells them; quick in galleries of any size. */
  readonly contents?: readonly string[]
  /** For each field of the metadata the values of which it has one, or, where it is a list, holds one. */
  readonly metadata?: Readonly<Record<string, readonly MetadataValue[]>>
}

/** What metadata can be selected by. */
export type MetadataValue = string | number | boolean

/**
 * `read` and `write` need a gallery of the same embedder, `create` makes an empty one where there is none. `write` also is
 * the hold of the one writer, until the gallery is closed: another who asks for it is told GALLERY_BUSY.
 */
export type OpenMode = 'read' | 'write' | 'create'

/**
 * Every write is durable when its promise resolves, and visible to the next search. Once the gallery was rebuilt for another
 * embedder every operation throws GALLERY_EMBEDDER and changes nothing, once it was removed GALLERY_MISSING.
 */
export interface Gallery extends AsyncDisposable {
  info(): Promise<GalleryInfo>
  /** Adds or replaces, all or nothing. Throws GALLERY_EMBEDDER for a vector of the wrong length or one that is not unit-norm. */
  put(entries: readonly GalleryEntry[]): Promise<void>
  /** Returns how many entries were removed. */
  remove(selection: GallerySelection): Promise<number>
  /** Those of these ids that are there, whole, in no order. */
  get(ids: readonly string[]): Promise<readonly GalleryEntry[]>
  /** Entries without their vectors, ordered by id. */
  list(selection: GallerySelection): AsyncIterable<Omit<GalleryEntry, 'vector'>>
  /** What was decided about its recognitions; a build for another embedder forgets it. */
  rules(): Promise<GalleryRules>
  /** Replaces them. Throws CONFIG_INVALID for what can be none. */
  setRules(rules: GalleryRules): Promise<void>
  /** For each query the `k` most similar entries, best first; fewer where the gallery holds fewer. */
  search(queries: readonly Float32Array[], k: number): Promise<readonly (readonly Hit[])[]>
}

/**
 * A gallery in the making, beside the one that is there, which readers go on with. Holds the gallery as its one writer.
 * Disposed without `publish` it leaves the gallery as it was, and its draft for the next build to go on with.
 */
export interface GalleryBuild extends AsyncDisposable {
  /** What the gallery is to hold: empty, or what a build of the same embedder had put when it was broken off. */
  readonly draft: Gallery
  /** What it holds now; undefined where there is none, or one of another embedder. */
  readonly current: Gallery | undefined
  /** From now on the gallery holds what the draft does, for all readers at once. The draft is gone. */
  publish(): Promise<GalleryInfo>
}
