/** The embedded gallery's truth: one SQLite file in a folder. Synchronous: it lives in a worker thread. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { SightlineError } from '../../errors/errors.ts'
import type { GalleryEmbedder, GalleryEntry, GalleryInfo, GallerySelection, OpenMode } from '../gallery.ts'

/** 'sigh' in the file's header: tells a gallery from any other SQLite file. */
const applicationId = 0x73696768
const schemaVersion = 1
const fileName = 'gallery.sqlite'

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
  readonly #database: DatabaseSync
  readonly #embedder: GalleryEmbedder
  readonly #folder: string

  /** Throws GALLERY_MISSING, GALLERY_CORRUPT or GALLERY_EMBEDDER. */
  constructor(folder: string, embedder: GalleryEmbedder, mode: OpenMode) {
    this.#folder = folder
    this.#embedder = embedder
    const isNew = prepareFolder(folder, mode)
    this.#database = new DatabaseSync(join(folder, fileName))
    try {
      this.#database.exec('PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
      if (isNew) this.#create()
      this.#checkSchema()
      if (mode === 'replace') this.#adoptEmbedder()
      this.#checkEmbedder()
    } catch (error) {
      this.#database.close()
      throw error instanceof SightlineError ? error : corrupt(folder, error)
    }
  }

  close(): void {
    this.#database.close()
  }

  info(): GalleryInfo {
    const { entries, items } = this.#row('SELECT count(*) AS entries, count(DISTINCT item) AS items FROM entries')
    return { revision: this.revision(), entries: Number(entries), items: Number(items), embedder: this.#embedder }
  }

  revision(): number {
    return Number(this.#meta('revision'))
  }

  /** Changes whenever another connection has committed something. */
  dataVersion(): number {
    return Number(this.#row('PRAGMA data_version')['data_version'])
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

  /** At most `most` entries after the id `after`, ordered by id. */
  page(selection: GallerySelection, after: string | null, most: number): Omit<GalleryEntry, 'vector'>[] {
    const { where, values } = condition(selection, after)
    return this.#database
      .prepare(`SELECT id, item, label, metadata FROM entries ${where} ORDER BY id LIMIT ${most}`)
      .all(...values)
      .map(({ id, item, label, metadata }) => ({
        id: String(id),
        item: String(item),
        label: String(label),
        metadata: JSON.parse(String(metadata)) as Record<string, unknown>,
      }))
  }

  changesSince(revision: number): Changes {
    const removed = this.#database.prepare('SELECT row FROM removals WHERE revision > ?').all(revision)
    const stored = this.#database.prepare('SELECT row, vector FROM entries WHERE revision > ?')
    return {
      removed: removed.map(({ row }) => Number(row)),
      stored: mapRows(stored.iterate(revision)),
    }
  }

  /** The entry of a row with its vector; undefined where it is gone. */
  entry(row: number): (Omit<GalleryEntry, 'metadata'> & { readonly row: number }) | undefined {
    const found = this.#database.prepare('SELECT id, item, label, vector FROM entries WHERE row = ?').get(row)
    if (found === undefined) return undefined
    const { id, item, label, vector } = found
    return { row, id: String(id), item: String(item), label: String(label), vector: toVector(vector as Uint8Array) }
  }

  /** Refuses to go on when the gallery was rebuilt for another embedder meanwhile. */
  checkStillOurs(): void {
    this.#checkEmbedder()
  }

  /** All or nothing, durable when it returns; the revision grows if anything changed. */
  #change(write: (revision: number) => number): number {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const revision = this.revision() + 1
      const changed = write(revision)
      if (changed > 0) this.#setMeta('revision', String(revision))
      this.#database.exec('COMMIT')
      return changed
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #create(): void {
    this.#database.exec(`
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${schemaVersion};
      BEGIN;
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE entries (row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, item TEXT NOT NULL,
        label TEXT NOT NULL, metadata TEXT NOT NULL, vector BLOB NOT NULL, revision INTEGER NOT NULL) STRICT;
      CREATE INDEX entries_by_item ON entries (item);
      CREATE INDEX entries_by_label ON entries (label);
      CREATE INDEX entries_by_revision ON entries (revision);
      CREATE TABLE removals (row INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
      CREATE INDEX removals_by_revision ON removals (revision);
      INSERT INTO meta VALUES ('revision', '0');
      COMMIT`)
    this.#setEmbedder()
  }

  #checkSchema(): void {
    if (Number(this.#row('PRAGMA application_id')['application_id']) !== applicationId) {
      throw corrupt(this.#folder, new Error(`${fileName} is another program's database`))
    }
    const version = Number(this.#row('PRAGMA user_version')['user_version'])
    if (version !== schemaVersion) {
      throw new SightlineError(
        'GALLERY_CORRUPT',
        `the gallery ${this.#folder} has the format ${version}, this version reads ${schemaVersion}: upgrade Sightline or rebuild the gallery`,
      )
    }
  }

  #adoptEmbedder(): void {
    if (this.#meta('sha256') === this.#embedder.sha256) return
    this.#change((revision) => {
      this.#database.exec(`INSERT OR REPLACE INTO removals SELECT row, ${revision} FROM entries; DELETE FROM entries`)
      this.#setEmbedder()
      return 1
    })
  }

  #checkEmbedder(): void {
    const name = this.#meta('embedder')
    const sha256 = this.#meta('sha256')
    if (sha256 === this.#embedder.sha256) return
    throw new SightlineError(
      'GALLERY_EMBEDDER',
      `the gallery ${this.#folder} holds vectors of ${name} (${sha256.slice(0, 12)}), loaded is ${this.#embedder.name} (${this.#embedder.sha256.slice(0, 12)}): rebuild it with 'sightline gallery build', or choose the models it was built with`,
    )
  }

  #setEmbedder(): void {
    this.#setMeta('embedder', this.#embedder.name)
    this.#setMeta('sha256', this.#embedder.sha256)
    this.#setMeta('dimension', String(this.#embedder.dimension))
  }

  #meta(name: string): string {
    return String(this.#row('SELECT value FROM meta WHERE name = ?', name)['value'])
  }

  #setMeta(name: string, value: string): void {
    this.#database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value)
  }

  #row(sql: string, ...values: readonly SQLInputValue[]): Record<string, unknown> {
    const row = this.#database.prepare(sql).get(...values)
    if (row === undefined) throw corrupt(this.#folder, new Error(`no answer to ${sql}`))
    return row
  }
}

/** Returns whether a new gallery has to be made. */
function prepareFolder(folder: string, mode: OpenMode): boolean {
  if (existsSync(join(folder, fileName))) return false
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (names.length > 0) {
    throw new SightlineError(
      'GALLERY_CORRUPT',
      `${folder} is no gallery: it holds ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''} but no ${fileName}`,
    )
  }
  if (mode !== 'replace' && mode !== 'create') {
    throw new SightlineError(
      'GALLERY_MISSING',
      `there is no gallery in ${folder}: make one with 'sightline gallery build'`,
    )
  }
  mkdirSync(folder, { recursive: true })
  return true
}

const corrupt = (folder: string, cause: unknown): SightlineError =>
  new SightlineError(
    'GALLERY_CORRUPT',
    `the gallery ${folder} can't be read; restore it from a backup, or remove the folder and build it again`,
    { cause },
  )

function condition(
  selection: GallerySelection,
  after: string | null = null,
): { readonly where: string; readonly values: readonly SQLInputValue[] } {
  const parts: string[] = []
  const values: SQLInputValue[] = []
  for (const [column, wanted] of [
    ['id', selection.ids],
    ['item', selection.items],
    ['label', selection.labels],
  ] as const) {
    if (wanted === undefined) continue
    // One value however many there are: SQLite bounds the number of parameters.
    parts.push(`${column} IN (SELECT value FROM json_each(?))`)
    values.push(JSON.stringify(wanted))
  }
  if (after !== null) {
    parts.push('id > ?')
    values.push(after)
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values }
}

function* mapRows(rows: Iterable<Record<string, unknown>>): Generator<StoredEntry> {
  for (const { row, vector } of rows) yield { row: Number(row), vector: toVector(vector as Uint8Array) }
}

/** Copied: a blob lies unaligned in SQLite's memory. */
const toVector = (blob: Uint8Array): Float32Array => new Float32Array(new Uint8Array(blob).buffer)
