/** What a gallery's SQLite file holds: made in one transaction, recognized, and replaced by another's entries in one. */
import { SightlineError } from '../../errors/errors.ts'
import type { GalleryEmbedder } from '../gallery.ts'
import type { Database, SqlValue } from './open-database.ts'
import { contentOf } from './selection-sql.ts'

/** 'sigh' in the file's header: tells a gallery from any other SQLite file. */
const applicationId = 0x73696768
const schemaVersion = 1

/** Of the row of `meta` with the gallery's rules; where there is none, nothing was decided. */
export const rulesName = 'rules'

export const contentsIndex = `CREATE INDEX IF NOT EXISTS entries_by_content ON entries (${contentOf})`

/**
 * Every change survives a loss of power once it returned. `wal`: readers see the last state while one writes. `delete`: for
 * one alone; what a full disk refused leaves no file behind.
 */
export const pragmas = (journal: 'wal' | 'delete'): string =>
  `PRAGMA journal_mode = ${journal}; PRAGMA synchronous = FULL`

/** Of the usual 4 KiB, a vector of 512 values takes a page of its own and leaves half of it empty. */
const pageBytes = 16_384

export function createSchema(database: Database, embedder: GalleryEmbedder): void {
  database.exec(`PRAGMA page_size = ${pageBytes}`)
  transaction(database, () => {
    database.exec(`
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${schemaVersion};
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE entries (row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, item TEXT NOT NULL,
        label TEXT NOT NULL, metadata TEXT NOT NULL, vector BLOB NOT NULL, revision INTEGER NOT NULL) STRICT;
      CREATE INDEX entries_by_item ON entries (item);
      CREATE INDEX entries_by_label ON entries (label);
      CREATE INDEX entries_by_revision ON entries (revision);
      CREATE TABLE removals (row INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
      CREATE INDEX removals_by_revision ON removals (revision);
      ${contentsIndex}`)
    writeMeta(database, 'revision', '0')
    writeEmbedder(database, embedder)
  })
}

/** Throws GALLERY_CORRUPT for a file of something else, or of another version. */
export function checkSchema(database: Database, folder: string): void {
  if (Number(row(database, 'PRAGMA application_id')['application_id']) !== applicationId) {
    throw new Error("it is another program's database")
  }
  const version = Number(row(database, 'PRAGMA user_version')['user_version'])
  if (version !== schemaVersion) {
    throw new SightlineError(
      'GALLERY_CORRUPT',
      `the gallery ${folder} has the format ${version}, this version reads ${schemaVersion}: upgrade Sightline or rebuild the gallery`,
    )
  }
}

/** The entries of the file become those of the file `draft`, for all who read it at once; what is the same stays untouched. */
export function replaceEntries(database: Database, draft: string, embedder: GalleryEmbedder): void {
  database.prepare('ATTACH ? AS draft').run(draft)
  transaction(database, () => {
    const revision = readRevision(database) + 1
    const isSame = readMeta(database, 'sha256') === embedder.sha256
    const gone = isSame ? 'WHERE NOT EXISTS (SELECT 1 FROM draft.entries AS new WHERE new.id = entries.id)' : ''
    database.exec(`
      INSERT OR REPLACE INTO removals (row, revision) SELECT row, ${revision} FROM entries ${gone};
      DELETE FROM entries ${gone};
      INSERT INTO entries (id, item, label, metadata, vector, revision)
        SELECT id, item, label, metadata, vector, ${revision} FROM draft.entries WHERE true
        ON CONFLICT (id) DO UPDATE SET item = excluded.item, label = excluded.label, metadata = excluded.metadata,
          vector = excluded.vector, revision = excluded.revision
        WHERE (entries.item, entries.label, entries.metadata, entries.vector)
          IS NOT (excluded.item, excluded.label, excluded.metadata, excluded.vector)`)
    // What another embedder's similarities were worth says nothing of this one's.
    if (!isSame) database.prepare('DELETE FROM meta WHERE name = ?').run(rulesName)
    writeEmbedder(database, embedder)
    writeMeta(database, 'revision', String(revision))
  })
  database.exec('DETACH draft')
}

/** All or nothing. `read` shows one state of the file from beginning to end, `write` lets no other writer in. */
export function transaction<Result>(database: Database, work: () => Result, kind: 'read' | 'write' = 'write'): Result {
  database.exec(kind === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk rolls back by itself.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

export const readRevision = (database: Database): number => Number(readMeta(database, 'revision'))

export const readMeta = (database: Database, name: string): string =>
  String(row(database, 'SELECT value FROM meta WHERE name = ?', name)['value'])

export function readMetaIfThere(database: Database, name: string): string | undefined {
  const found = database.prepare('SELECT value FROM meta WHERE name = ?').get(name)
  return found === undefined ? undefined : String(found['value'])
}

export function writeMeta(database: Database, name: string, value: string): void {
  database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value)
}

function writeEmbedder(database: Database, { name, sha256, dimension, threshold }: GalleryEmbedder): void {
  writeMeta(database, 'embedder', name)
  writeMeta(database, 'sha256', sha256)
  writeMeta(database, 'dimension', String(dimension))
  if (threshold === undefined) database.exec("DELETE FROM meta WHERE name = 'threshold'")
  else writeMeta(database, 'threshold', String(threshold))
}

/** Whose vectors the file holds. */
export function readEmbedder(database: Database): GalleryEmbedder {
  const threshold = readMetaIfThere(database, 'threshold')
  return {
    name: readMeta(database, 'embedder'),
    sha256: readMeta(database, 'sha256'),
    dimension: Number(readMeta(database, 'dimension')),
    ...(threshold !== undefined && { threshold: Number(threshold) }),
  }
}

export function row(database: Database, sql: string, ...values: readonly SqlValue[]): Record<string, unknown> {
  const found = database.prepare(sql).get(...values)
  if (found === undefined) throw new Error(`no answer to ${sql}`)
  return found
}
