/** A build of a gallery in Qdrant: the next generation is filled, then the gallery's name is pointed to it in one request. */
import { otherwise } from '../../errors/errors.ts'
import type { Gallery, GalleryBuild, GalleryEmbedder, GalleryInfo } from '../gallery.ts'
import {
  type Description,
  describeIfThere,
  drop,
  dropGeneration,
  makeGeneration,
  makeIndexes,
  quantizationFor,
  readRevision,
} from './qdrant-collection.ts'
import { QdrantConnection } from './qdrant-connection.ts'
import { QdrantGallery, type QdrantGalleryOptions } from './qdrant-gallery.ts'
import { type Generations, leftOver, pointTo, readGenerations } from './qdrant-generations.ts'
import { QdrantLease } from './qdrant-lease.ts'
import { readQdrantLocation } from './qdrant-location.ts'
import { countOf, readRulesPoint, rulesPoint } from './qdrant-points.ts'

/** Throws GALLERY_CORRUPT for a collection of somebody else's, GALLERY_BUSY, CONFIG_INVALID or GALLERY_UNAVAILABLE. */
export async function openQdrantBuild(options: Omit<QdrantGalleryOptions, 'mode'>): Promise<GalleryBuild> {
  const { embedder } = options
  const location = readQdrantLocation(options.location)
  const gallery = new QdrantConnection(location, options)
  // Before anything is made, somebody else's collection is refused.
  await describeIfThere(gallery)
  await using scope = new AsyncDisposableStack()
  const lease = scope.use(await QdrantLease.take(gallery))
  const found = await describeIfThere(gallery)
  const generations = await readGenerations(gallery)
  for (const name of await leftOver(gallery, generations)) {
    await dropGeneration(gallery, name).catch(otherwise(['GALLERY_CORRUPT']))
  }
  const next = gallery.sibling(generations.next)
  const draft = await describeIfThere(next)
  if (draft === undefined || draft.gallery !== gallery.collection || !isOf(draft, embedder)) {
    const quantization = quantizationFor(location.quantization) ?? found?.quantization
    await makeGeneration(gallery, generations.next, embedder, quantization)
  } else {
    await makeIndexes(next, draft)
  }
  const build = new QdrantBuild(gallery, next, lease, generations, found, embedder)
  scope.move()
  return build
}

const isOf = (found: Description, { sha256, dimension }: GalleryEmbedder): boolean =>
  found.embedder.sha256 === sha256 && found.embedder.dimension === dimension

class QdrantBuild implements GalleryBuild {
  readonly draft: Gallery
  readonly current: Gallery | undefined
  readonly #gallery: QdrantConnection
  readonly #next: QdrantConnection
  readonly #lease: QdrantLease
  readonly #generations: Generations
  readonly #found: Description | undefined
  readonly #embedder: GalleryEmbedder
  #isPublished = false
  #closing: Promise<void> | undefined

  constructor(
    gallery: QdrantConnection,
    next: QdrantConnection,
    lease: QdrantLease,
    generations: Generations,
    found: Description | undefined,
    embedder: GalleryEmbedder,
  ) {
    this.#gallery = gallery
    this.#next = next
    this.#lease = lease
    this.#generations = generations
    this.#found = found
    this.#embedder = embedder
    this.draft = new QdrantGallery(next, embedder, lease)
    const isOurs = found !== undefined && isOf(found, embedder)
    this.current = isOurs ? new QdrantGallery(gallery.sibling(gallery.collection), embedder) : undefined
  }

  async publish(): Promise<GalleryInfo> {
    const before = this.#found === undefined ? 0 : await readRevision(this.#gallery, this.#found.embedder)
    const now = await readRevision(this.#next, this.#embedder)
    const rules = this.current && (await readRulesPoint(this.#gallery, this.#embedder))
    const points = [countOf(now, before + 1), ...(rules === undefined ? [] : [rulesPoint(rules, this.#embedder)])]
    await this.#next.call((client, collection) => client.upsert(collection, { wait: true, points }))
    // The last moment at which another one may have got the hold.
    await this.#lease.renew()
    const { current } = this.#generations
    // Of an earlier version: the collection has the very name that the alias is to have.
    if (this.#found !== undefined && current === undefined) await drop(this.#gallery)
    await pointTo(this.#gallery, this.#generations)
    this.#isPublished = true
    if (current !== undefined && this.#found?.gallery === this.#gallery.collection) {
      await dropGeneration(this.#gallery, current)
    }
    return new QdrantGallery(this.#gallery, this.#embedder).info()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** A draft with something in it stays for the next build. Whatever Qdrant does not answer to is left as it is. */
  async #close(): Promise<void> {
    const isOver = this.#isPublished || (await this.#isEmpty())
    if (!this.#isPublished && isOver) {
      await this.#next
        .once((client, collection) => client.deleteCollection(collection))
        .catch(otherwise(['GALLERY_UNAVAILABLE', 'GALLERY_MISSING']))
    }
    await this.current?.[Symbol.asyncDispose]()
    await this.draft[Symbol.asyncDispose]()
    this.#gallery.close()
  }

  async #isEmpty(): Promise<boolean> {
    const count = this.#next.once((client, collection) => client.count(collection, { exact: true }))
    const found = await count.catch(otherwise(['GALLERY_UNAVAILABLE', 'GALLERY_MISSING']))
    return found?.count === 0
  }
}
