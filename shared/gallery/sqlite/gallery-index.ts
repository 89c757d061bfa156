/** The embedded gallery as its worker thread holds it: the database, and all vectors in memory for the exact scan. */

import type { GalleryEmbedder, GalleryEntry, GalleryInfo, GallerySelection, Hit } from '../gallery.ts'
import type { GalleryRules } from '../rules.ts'
import { checkVector, cosine } from '../vectors.ts'
import { ExactScan } from './exact-scan.ts'
import type { GalleryDatabase } from './gallery-database.ts'

/** Rows taken from the 8-bit scan for every wanted hit; their exact similarities decide. */
const rerankFactor = 4
const rerankAtLeast = 32

/** A scanned similarity is at most so far from the exact one. */
const scanError = 0.01

const byScore = (a: Hit, b: Hit): number => b.score - a.score || (a.id < b.id ? -1 : 1)

/** No version of a database. */
const unknown = -1

export class GalleryIndex {
  readonly #database: GalleryDatabase
  readonly #embedder: GalleryEmbedder
  readonly #scan: ExactScan
  /** Database row of each scan row, and back. */
  readonly #rows: number[] = []
  readonly #places = new Map<number, number>()
  #revision = 0
  /** Of what is in memory; a connection's own changes do not count. */
  #dataVersion = unknown
  #info: GalleryInfo | undefined

  constructor(database: GalleryDatabase, embedder: GalleryEmbedder) {
    this.#database = database
    this.#embedder = embedder
    this.#scan = new ExactScan(embedder.dimension)
    this.#database.read(() => this.#refresh())
  }

  info(): GalleryInfo {
    return this.#database.read(() => {
      this.#refresh()
      this.#info ??= this.#database.info()
      return this.#info
    })
  }

  put(entries: readonly GalleryEntry[]): void {
    for (const { id, vector } of entries) checkVector(id, vector, this.#embedder)
    this.#database.put(entries)
    this.#dataVersion = unknown
  }

  remove(selection: GallerySelection): number {
    const removed = this.#database.remove(selection)
    this.#dataVersion = unknown
    return removed
  }

  page(selection: GallerySelection, after: string | null, most: number): Omit<GalleryEntry, 'vector'>[] {
    return this.#database.page(selection, after, most)
  }

  rules(): GalleryRules {
    return this.#database.rules()
  }

  setRules(rules: GalleryRules): void {
    this.#database.setRules(rules)
    this.#dataVersion = unknown
  }

  get(ids: readonly string[]): GalleryEntry[] {
    return this.#database.get(ids)
  }

  search(queries: readonly Float32Array[], k: number): Hit[][] {
    for (const query of queries) checkVector('the query', query, this.#embedder)
    return this.#database.read(() => {
      this.#refresh()
      return queries.map((query) => (k < 1 ? [] : this.#searchOne(query, k)))
    })
  }

  /** Exact similarities decide, of no more entries than can still be among the `k` best. */
  #searchOne(query: Float32Array, k: number): Hit[] {
    const hits: Hit[] = []
    for (const { row: place, score: scanned } of this.#scan.search(query, Math.max(k * rerankFactor, rerankAtLeast))) {
      if (hits.length === k && scanned + scanError < hits[k - 1]!.score) break
      const entry = this.#database.entry(this.#rows[place]!)
      if (entry === undefined) continue
      const hit = { id: entry.id, item: entry.item, label: entry.label, score: cosine(query, entry.vector) }
      if (hits.length < k) hits.push(hit)
      else if (byScore(hit, hits[k - 1]!) < 0) hits[k - 1] = hit
      else continue
      if (hits.length === k) hits.sort(byScore)
    }
    return hits.sort(byScore)
  }

  /** Takes in what other processes changed; costs one pragma where nothing did. */
  #refresh(): void {
    const version = this.#database.dataVersion()
    if (version === this.#dataVersion) return
    this.#load()
    this.#dataVersion = version
  }

  #load(): void {
    const { stored, removed } = this.#database.changesSince(this.#revision)
    for (const row of removed) this.#drop(row)
    for (const { row, vector } of stored) {
      const place = this.#places.get(row) ?? this.#rows.length
      this.#scan.set(place, vector)
      this.#rows[place] = row
      this.#places.set(row, place)
    }
    this.#revision = this.#database.revision()
    this.#info = undefined
  }

  #drop(row: number): void {
    const place = this.#places.get(row)
    if (place === undefined) return
    const last = this.#scan.remove(place)
    const moved = this.#rows[last]!
    this.#rows[place] = moved
    this.#places.set(moved, place)
    this.#rows.pop()
    this.#places.delete(row)
  }
}
