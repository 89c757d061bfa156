/**
 * The embedded gallery's truth: one SQLite file in a folder. Synchronous: it lives in a worker thread. That it still is the
 * embedder's own is asked in the very transaction of each reading and writing, never before it.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { SightlineError } from '../../errors/errors.ts'
import type { GalleryEmbedder, GalleryEntry, GalleryInfo, GallerySelection } from '../gallery.ts'
import { type GalleryRules, readRules, writeRules } from '../rules.ts'
import {
  checkSchema,
  contentsIndex,
  pragmas,
  readMeta,
  readMetaIfThere,
  readRevision,
  row,
  rulesName,
  transaction,
  writeMeta,
} from './gallery-schema.ts'
import { type Database, openDatabase, passingCodes, resultCode } from './open-database.ts'
import { condition } from './selection-sql.ts'

export const databaseName = 'gallery.sqlite'

/** For a writer's transaction, at most the publishing of a large draft. */
export const lockWaitMs = 10_000

/** One row of the gallery; `row` never changes while the entry lives. */
export interface StoredEntry {
  readonly row: number
  readonly vector: Float32Array
}

/** What another process, or this one, changed since a revision. */
export interface Changes {
  readonly stored: Iterable<StoredEntry>
  readonly removed: readonly number[]
}

export class GalleryDatabase {
  readonly #database: Database
  readonly #embedder: GalleryEmbedder
  readonly #folder: string
  readonly #file: string
  readonly #inode: number
  #entry: ReturnType<Database['prepare']> | undefined

  /** Opens the one that is there. Throws GALLERY_CORRUPT or GALLERY_EMBEDDER. */
  constructor(folder: string, embedder: GalleryEmbedder, journal: 'wal' | 'delete' = 'wal') {
    this.#folder = folder
    this.#embedder = embedder
    this.#file = join(folder, databaseName)
    this.#inode = statSync(this.#file).ino
    this.#database = openDatabase(this.#file, lockWaitMs)
    try {
      // Before anything is set: it may be somebody else's.
      checkSchema(this.#database, folder)
      this.#database.exec(pragmas(journal))
      this.#checkEmbedder()
      const dimension = Number(readMeta(this.#database, 'dimension'))
      if (dimension !== embedder.dimension) {
        throw new Error(`its vectors have ${dimension} values, ${embedder.name} makes ${embedder.dimension}`)
      }
    } catch (error) {
      this.#database.close()
      throw error instanceof SightlineError || passingCodes.has(resultCode(error)) ? error : corrupt(folder, error)
    }
  }

  /** Twice is fine. */
  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  info(): GalleryInfo {
    const counts = 'SELECT count(*) AS entries, count(DISTINCT item) AS items FROM entries'
    const { entries, items } = row(this.#database, counts)
    return { revision: this.revision(), entries: Number(entries), items: Number(items), embedder: this.#embedder }
  }

  revision(): number {
    return readRevision(this.#database)
  }

  /** Changes whenever another connection has committed something. */
  dataVersion(): number {
    return Number(row(this.#database, 'PRAGMA data_version')['data_version'])
  }

  /** All that `work` reads is one state of the gallery, and the embedder's own. */
  read<Result>(work: () => Result): Result {
    this.#checkStillThere()
    return transaction(
      this.#database,
      () => {
        this.#checkEmbedder()
        return work()
      },
      'read',
    )
  }

  put(entries: readonly GalleryEntry[]): void {
    this.#change((revision) => {
      const put = this.#database.prepare(
        `INSERT INTO entries (id, item, label, metadata, vector, revision) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET item = excluded.item, label = excluded.label, metadata = excluded.metadata,
           vector = excluded.vector, revision = excluded.revision`,
      )
      for (const { id, item, label, metadata, vector } of entries) {
        const blob = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
        put.run(id, item, label, JSON.stringify(metadata), blob, revision)
      }
      return entries.length
    })
  }

  remove(selection: GallerySelection): number {
    const { where, values } = condition(selection)
    return this.#change((revision) => {
      this.#database
        .prepare(`INSERT OR REPLACE INTO removals (row, revision) SELECT row, ${revision} FROM entries ${where}`)
        .run(...values)
      return Number(this.#database.prepare(`DELETE FROM entries ${where}`).run(...values).changes)
    })
  }

  rules(): GalleryRules {
    return this.read(() => readRules(readMetaIfThere(this.#database, rulesName)))
  }

  setRules(rules: GalleryRules): void {
    const text = writeRules(rules)
    this.#change(() => {
      writeMeta(this.#database, rulesName, text)
      return 1
    })
  }

  /** Galleries of earlier versions have no index of their pictures' contents; making it takes a moment, once. */
  indexContents(): void {
    this.#database.exec(contentsIndex)
  }

  get(ids: readonly string[]): GalleryEntry[] {
    const { where, values } = condition({ ids })
    const select = `SELECT id, item, label, metadata, vector FROM entries ${where}`
    return this.read(() => this.#database.prepare(select).all(...values)).map((found) => ({
      ...withoutVector(found),
      vector: toVector(found['vector'] as Uint8Array),
    }))
  }

  /** At most `most` entries after the id `after`, ordered by id. */
  page(selection: GallerySelection, after: string | null, most: number): Omit<GalleryEntry, 'vector'>[] {
    const { where, values } = condition(selection, after)
    const select = `SELECT id, item, label, metadata FROM entries ${where} ORDER BY id LIMIT ${most}`
    return this.read(() => this.#database.prepare(select).all(...values)).map(withoutVector)
  }

  changesSince(revision: number): Changes {
    const removed = this.#database.prepare('SELECT row FROM removals WHERE revision > ?').all(revision)
    const stored = this.#database.prepare('SELECT row, vector FROM entries WHERE revision > ?')
    return {
      removed: removed.map((one) => Number(one['row'])),
      stored: mapRows(stored.iterate(revision)),
    }
  }

  /** The entry of a row with its vector; undefined where it is gone. */
  entry(place: number): (Omit<GalleryEntry, 'metadata'> & { readonly row: number }) | undefined {
    // Asked for each candidate of each search.
    this.#entry ??= this.#database.prepare('SELECT id, item, label, vector FROM entries WHERE row = ?')
    const found = this.#entry.get(place)
    if (found === undefined) return undefined
    const { id, item, label, vector } = found
    const entry = { id: String(id), item: String(item), label: String(label), vector: toVector(vector as Uint8Array) }
    return { row: place, ...entry }
  }

  /** All or nothing, durable when it returns; the revision grows if anything changed. */
  #change(write: (revision: number) => number): number {
    this.#checkStillThere()
    return transaction(this.#database, () => {
      this.#checkEmbedder()
      const revision = this.revision() + 1
      const changed = write(revision)
      if (changed > 0) writeMeta(this.#database, 'revision', String(revision))
      return changed
    })
  }

  /** A file that was removed can still be written to: into nothing. */
  #checkStillThere(): void {
    if (statSync(this.#file, { throwIfNoEntry: false })?.ino === this.#inode) return
    const message = `the gallery ${this.#folder} was removed while it was in use: start again what uses it`
    throw new SightlineError('GALLERY_MISSING', message, { retryable: true })
  }

  #checkEmbedder(): void {
    const sha256 = readMeta(this.#database, 'sha256')
    if (sha256 === this.#embedder.sha256) return
    const name = readMeta(this.#database, 'embedder')
    throw new SightlineError(
      'GALLERY_EMBEDDER',
      `the gallery ${this.#folder} holds vectors of ${name} (${sha256.slice(0, 12)}), loaded is ${this.#embedder.name} (${this.#embedder.sha256.slice(0, 12)}): rebuild it with 'sightline gallery build', or choose the models it was built with`,
    )
  }
}

export const corrupt = (folder: string, cause: unknown): SightlineError =>
  new SightlineError(
    'GALLERY_CORRUPT',
    `the gallery ${folder} can't be read; restore it from a backup, or remove the folder and build it again`,
    { cause },
  )

const withoutVector = ({ id, item, label, metadata }: Record<string, unknown>): Omit<GalleryEntry, 'vector'> => ({
  id: String(id),
  item: String(item),
  label: String(label),
  metadata: JSON.parse(String(metadata)) as Record<string, unknown>,
})

function* mapRows(rows: Iterable<Record<string, unknown>>): Generator<StoredEntry> {
  for (const { row: place, vector } of rows) yield { row: Number(place), vector: toVector(vector as Uint8Array) }
}

/** Copied: a blob lies unaligned in SQLite's memory. */
const toVector = (blob: Uint8Array): Float32Array => new Float32Array(new Uint8Array(blob).buffer)
