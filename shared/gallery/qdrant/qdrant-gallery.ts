/**
 * The gallery in a Qdrant, for many readers and galleries beyond one machine's memory: HNSW, cosine, one request for all
 * boxes of a batch. Writes wait until Qdrant has applied and logged them. A Qdrant that is away for a moment costs time,
 * one that stays away a retryable error.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '../../errors/errors.ts'
import type {
  Gallery,
  GalleryEmbedder,
  GalleryEntry,
  GalleryInfo,
  GallerySelection,
  Hit,
  OpenMode,
} from '../gallery.ts'
import { type GalleryRules, readRules, writeRules } from '../rules.ts'
import { checkVector } from '../vectors.ts'
import { checkStillOurs, describeIfThere, prepareCollection, readRevision } from './qdrant-collection.ts'
import { type QdrantAccess, type QdrantClient, QdrantConnection, statusOf } from './qdrant-connection.ts'
import { QdrantLease } from './qdrant-lease.ts'
import { readQdrantLocation } from './qdrant-location.ts'
import {
  ChangeCount,
  entryOf,
  entryPoint,
  type FoundPoint,
  filterOf,
  hitsOf,
  readRulesPoint,
  rulesPoint,
  scroll,
  vectorName,
  wholeEntryOf,
} from './qdrant-points.ts'

export interface QdrantGalleryOptions extends QdrantAccess {
  /** See readQdrantLocation. */
  readonly location: string
  readonly embedder: GalleryEmbedder
  readonly mode: OpenMode
}

/** Entries a request: 256 of 512 values are 3 MB of JSON; Qdrant takes 32 MB. */
const putAtOnce = 256
const searchAtOnce = 512
const listAtOnce = 500
const scrollAtOnce = 5_000
const removeAtOnce = 5_000
/** Candidates kept while walking the graph; at least as many as are asked for. */
const searchWidth = 128
/** Of a quantized collection, without meaning for others: so many times the wanted hits are compared in full. */
const oversampling = 4
/** `info` is asked for each batch of pictures. */
const infoForMs = 1_000

/** A collection that was there a moment ago may be about to be put in the place of an older one. */
const missingForMs = 3_000
const missingAgainMs = 50

/**
 * Throws CONFIG_INVALID, GALLERY_MISSING, GALLERY_CORRUPT, GALLERY_EMBEDDER, GALLERY_BUSY or GALLERY_UNAVAILABLE, each with
 * what to do.
 */
export async function openQdrantGallery({ embedder, mode, ...options }: QdrantGalleryOptions): Promise<Gallery> {
  const location = readQdrantLocation(options.location)
  const connection = new QdrantConnection(location, options)
  await prepareCollection(connection, embedder, mode, location.quantization)
  return new QdrantGallery(connection, embedder, mode === 'write' ? await QdrantLease.take(connection) : undefined)
}

/** Undefined where there is no gallery. */
export async function readQdrantEmbedder(
  options: Omit<QdrantGalleryOptions, 'embedder' | 'mode'>,
): Promise<GalleryEmbedder | undefined> {
  const connection = new QdrantConnection(readQdrantLocation(options.location), options)
  try {
    return (await describeIfThere(connection))?.embedder
  } finally {
    connection.close()
  }
}

export class QdrantGallery implements Gallery {
  readonly #connection: QdrantConnection
  readonly #embedder: GalleryEmbedder
  readonly #lease: QdrantLease | undefined
  readonly #count = new ChangeCount()
  #writing: Promise<unknown> = Promise.resolve()
  #info: { readonly promise: Promise<GalleryInfo>; readonly until: number } | undefined
  #lastInfo: GalleryInfo | undefined

  /** Closes the connection and lets go of the lease, the hold of the one writer, when it is disposed. */
  constructor(connection: QdrantConnection, embedder: GalleryEmbedder, lease?: QdrantLease) {
    this.#connection = connection
    this.#embedder = embedder
    this.#lease = lease
  }

  /** May be a second old where another process writes. */
  info(): Promise<GalleryInfo> {
    const now = performance.now()
    if (this.#info === undefined || now > this.#info.until) {
      const asked = { promise: this.#readInfo(), until: now + infoForMs }
      this.#info = asked
      asked.promise.catch(() => {
        if (this.#info === asked) this.#info = undefined
      })
    }
    return this.#info.promise
  }

  async put(entries: readonly GalleryEntry[]): Promise<void> {
    this.#connection.checkOpen()
    for (const { id, vector } of entries) checkVector(id, vector, this.#embedder)
    // Qdrant would refuse the vectors, but might have counted the change.
    if (entries.length > 0) await this.#checkStillOurs()
    // The last one of an id counts.
    const different = new Map(entries.map((entry) => [entry.id, entry]))
    for (const some of chunks([...different.values()], putAtOnce)) {
      const points = some.map((entry) => entryPoint(entry, this.#embedder))
      await this.#write((client, collection) =>
        client.upsert(collection, { wait: true, points: [...points, this.#count.next()] }),
      )
    }
  }

  async remove(selection: GallerySelection): Promise<number> {
    await this.#checkStillOurs()
    const { ids } = selection
    if (ids === undefined) return this.#removeSome(selection)
    let removed = 0
    for (const some of chunks([...new Set(ids)], removeAtOnce)) {
      removed += await this.#removeSome({ ...selection, ids: some })
    }
    return removed
  }

  async get(ids: readonly string[]): Promise<readonly GalleryEntry[]> {
    this.#connection.checkOpen()
    const found: GalleryEntry[] = []
    for (const some of chunks([...new Set(ids)], putAtOnce)) {
      const points = await this.#points(some, [vectorName(this.#embedder)])
      found.push(...points.map((point) => wholeEntryOf(point, this.#embedder)))
    }
    return found
  }

  /** The ids of a selection are held in memory: Qdrant has no order of texts. */
  async *list(selection: GallerySelection): AsyncGenerator<Omit<GalleryEntry, 'vector'>> {
    await this.#checkStillOurs()
    const ids: string[] = []
    for await (const payload of scroll(this.#connection, filterOf(selection, this.#embedder), ['id'], scrollAtOnce)) {
      ids.push(String(payload?.['id']))
    }
    for (const some of chunks(ids.sort(), listAtOnce)) {
      const points = await this.#points(some, false)
      const entries = new Map(points.map(({ payload }) => [String(payload?.['id']), entryOf(payload)]))
      yield* some.flatMap((id) => entries.get(id) ?? [])
    }
  }

  async rules(): Promise<GalleryRules> {
    await this.#checkStillOurs()
    return readRules(await this.#untilThere(() => readRulesPoint(this.#connection, this.#embedder)))
  }

  async setRules(rules: GalleryRules): Promise<void> {
    const point = rulesPoint(writeRules(rules), this.#embedder)
    await this.#checkStillOurs()
    await this.#write((client, collection) =>
      client.upsert(collection, { wait: true, points: [point, this.#count.next()] }),
    )
  }

  async search(queries: readonly Float32Array[], k: number): Promise<readonly (readonly Hit[])[]> {
    this.#connection.checkOpen()
    for (const query of queries) checkVector('the query', query, this.#embedder)
    if (k < 1) return queries.map(() => [])
    const params = { hnsw_ef: Math.max(searchWidth, k), quantization: { rescore: true, oversampling } }
    const hits: Hit[][] = []
    for (const some of chunks(queries, searchAtOnce)) {
      const searches = some.map((query) => ({
        query: Array.from(query),
        using: vectorName(this.#embedder),
        limit: k,
        with_payload: ['id', 'item', 'label'],
        params,
      }))
      const found = await this.#ours((client, collection) => client.queryBatch(collection, { searches }))
      hits.push(...found.map(({ points }) => hitsOf(points)))
    }
    return hits
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#info = undefined
    this.#connection.close()
    await this.#writing
    await this.#lease?.[Symbol.asyncDispose]()
  }

  /** Asked for with the filter, not by their ids alone: those of another embedder's collection have the same. */
  async #points(ids: readonly string[], with_vector: string[] | false): Promise<readonly FoundPoint[]> {
    const filter = filterOf({ ids }, this.#embedder)
    const request = { filter, limit: ids.length, with_payload: true, with_vector }
    const { points } = await this.#ours((client, collection) => client.scroll(collection, request))
    if (points.length < ids.length) await this.#checkStillOurs()
    return points
  }

  /** Counts before and after: deleting is an operation of its own, and a crash between must not hide it. */
  async #removeSome(selection: GallerySelection): Promise<number> {
    const filter = filterOf(selection, this.#embedder)
    const { count } = await this.#ours((client, collection) => client.count(collection, { filter }))
    if (count === 0) return 0
    await this.#write((client, collection) => {
      const counted = () => ({ upsert: { points: [this.#count.next()] } })
      return client.batchUpdate(collection, { wait: true, operations: [counted(), { delete: { filter } }, counted()] })
    })
    // The filter has kept another embedder's entries: then none were removed.
    await this.#checkStillOurs()
    return count
  }

  /** One after the other: a count that overtakes another would set it back. */
  #write(request: (client: QdrantClient, collection: string) => Promise<unknown>): Promise<void> {
    const turn = this.#writing.then(() =>
      this.#ours(async (client, collection) => {
        try {
          await this.#lease?.check()
          await request(client, collection)
        } catch (error) {
          this.#count.startAnew()
          throw error
        } finally {
          this.#info = undefined
        }
      }),
    )
    this.#writing = turn.catch(() => 'told to the caller')
    return turn
  }

  /** Where Qdrant refuses a request because the collection was rebuilt for another embedder, says that instead. */
  async #ours<Result>(request: (client: QdrantClient, collection: string) => Promise<Result>): Promise<Result> {
    return this.#untilThere(async () => {
      try {
        return await this.#connection.call(request)
      } catch (error) {
        if (statusOf(error) === 400) await checkStillOurs(this.#connection, this.#embedder)
        throw error
      }
    })
  }

  async #checkStillOurs(): Promise<void> {
    await this.#untilThere(() => checkStillOurs(this.#connection, this.#embedder))
  }

  async #untilThere<Result>(request: () => Promise<Result>): Promise<Result> {
    for (const end = performance.now() + missingForMs; ; ) {
      try {
        return await request()
      } catch (error) {
        if (!(error instanceof SightlineError) || error.code !== 'GALLERY_MISSING') throw error
        // Not the fault of what is asked: it was there.
        if (performance.now() > end) throw new SightlineError(error.code, error.message, { retryable: true })
        await sleep(missingAgainMs)
      }
    }
  }

  /** Counting takes time on a large gallery: only after a change. */
  async #readInfo(): Promise<GalleryInfo> {
    const revision = await this.#untilThere(() => readRevision(this.#connection, this.#embedder))
    if (this.#lastInfo?.revision === revision) return this.#lastInfo
    const filter = filterOf({}, this.#embedder)
    const { count } = await this.#ours((client, collection) => client.count(collection, { filter }))
    // No more items than entries: the limit cuts nothing off.
    const request = { key: 'item', exact: true, limit: Math.max(1, count) }
    const { hits } = await this.#ours((client, collection) => client.facet(collection, request))
    this.#lastInfo = { revision, entries: count, items: count === 0 ? 0 : hits.length, embedder: this.#embedder }
    return this.#lastInfo
  }
}

function* chunks<Item>(all: readonly Item[], most: number): Generator<Item[]> {
  for (let start = 0; start < all.length; start += most) yield all.slice(start, start + most)
}
