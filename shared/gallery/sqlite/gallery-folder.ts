/**
 * A gallery's folder: `gallery.sqlite`, beside it `draft/` while a build is made or where one was broken off, and the lock of
 * the one writer. A file of the gallery's name is whole from the moment that it is there.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SightlineError } from '../../errors/errors.ts'
import type { GalleryEmbedder, GalleryInfo, OpenMode } from '../gallery.ts'
import { corrupt, databaseName, GalleryDatabase, lockWaitMs } from './gallery-database.ts'
import { checkSchema, createSchema, pragmas, readEmbedder, replaceEntries } from './gallery-schema.ts'
import { type Database, openDatabase, passingCodes, resultCode } from './open-database.ts'
import { lockName, WriterLock } from './writer-lock.ts'

const draftName = 'draft'

/** With the hold of the one writer, where the mode asks for it. */
export interface OpenedGallery {
  readonly database: GalleryDatabase
  readonly lock: WriterLock | undefined
}

/** Throws GALLERY_MISSING, GALLERY_CORRUPT, GALLERY_EMBEDDER or GALLERY_BUSY. */
export function openFolder(folder: string, embedder: GalleryEmbedder, mode: OpenMode): OpenedGallery {
  if (!hasGallery(folder)) {
    if (mode !== 'create') throw missing(folder)
    using _lock = new WriterLock(folder)
    if (!hasGallery(folder)) makeGallery(folder, embedder)
  }
  const lock = mode === 'write' ? new WriterLock(folder) : undefined
  try {
    const database = new GalleryDatabase(folder, embedder)
    if (mode === 'write') database.indexContents()
    return { database, lock }
  } catch (error) {
    lock?.[Symbol.dispose]()
    throw error
  }
}

/** Whose vectors the gallery holds; undefined where there is none. Throws GALLERY_CORRUPT. */
export function readFolderEmbedder(folder: string): GalleryEmbedder | undefined {
  if (!hasGallery(folder)) return undefined
  let found: GalleryEmbedder | undefined
  withDatabase(join(folder, databaseName), (database) => {
    try {
      checkSchema(database, folder)
      found = readEmbedder(database)
    } catch (error) {
      throw error instanceof SightlineError || passingCodes.has(resultCode(error)) ? error : corrupt(folder, error)
    }
  })
  return found
}

/** The draft of a build: a gallery of its own, kept where it is of the same embedder. Throws as `openFolder` does. */
export function openDraft(folder: string, embedder: GalleryEmbedder): OpenedGallery {
  const isThere = hasGallery(folder)
  const lock = new WriterLock(folder)
  try {
    if (isThere) checkReadable(folder)
    return { database: draftOf(join(folder, draftName), embedder), lock }
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

export function removeDraft(folder: string): void {
  rmSync(join(folder, draftName), { recursive: true, force: true })
}

/** The gallery holds what its draft does, in one transaction, or in one renaming where there was none. */
export function publishDraft(folder: string, embedder: GalleryEmbedder): GalleryInfo {
  const draft = join(folder, draftName, databaseName)
  if (hasGallery(folder)) {
    withDatabase(join(folder, databaseName), (database) => {
      database.exec(pragmas('wal'))
      replaceEntries(database, draft, embedder)
    })
  } else {
    makeGallery(folder, embedder, (database) => replaceEntries(database, draft, embedder))
  }
  const published = new GalleryDatabase(folder, embedder)
  try {
    return published.info()
  } finally {
    published.close()
  }
}

/** Throws GALLERY_CORRUPT for a folder that holds anything else. */
function hasGallery(folder: string): boolean {
  if (existsSync(join(folder, databaseName))) return true
  const names = existsSync(folder) ? readdirSync(folder) : []
  const others = names.filter(
    (name) => name !== draftName && !name.startsWith(lockName) && !name.startsWith(databaseName),
  )
  if (others.length === 0) return false
  const shown = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}`
  throw new SightlineError('GALLERY_CORRUPT', `${folder} is no gallery: it holds ${shown} but no ${databaseName}`)
}

/** Under the writer's lock. Made beside and renamed; what a writer that was killed left beside is overwritten. */
function makeGallery(folder: string, embedder: GalleryEmbedder, fill: (database: Database) => void = () => undefined) {
  const file = join(folder, databaseName)
  const made = `${file}.new`
  for (const leftover of [made, `${made}-journal`]) rmSync(leftover, { force: true })
  withDatabase(made, (database) => {
    createSchema(database, embedder)
    fill(database)
  })
  renameSync(made, file)
}

function draftOf(folder: string, embedder: GalleryEmbedder): GalleryDatabase {
  try {
    if (hasGallery(folder)) return new GalleryDatabase(folder, embedder, 'delete')
  } catch (error) {
    // Of another embedder, or damaged: nothing to go on with.
    if (!(error instanceof SightlineError) || error.retryable) throw error
    rmSync(folder, { recursive: true, force: true })
  }
  mkdirSync(folder, { recursive: true })
  makeGallery(folder, embedder)
  return new GalleryDatabase(folder, embedder, 'delete')
}

/** Whoever the vectors are of. Hours of work are not begun for a folder that can't be published to. */
function checkReadable(folder: string): void {
  withDatabase(join(folder, databaseName), (database) => {
    try {
      checkSchema(database, folder)
    } catch (error) {
      throw error instanceof SightlineError ? error : corrupt(folder, error)
    }
  })
}

function withDatabase(file: string, work: (database: Database) => void): void {
  const database = openDatabase(file, lockWaitMs)
  try {
    work(database)
  } finally {
    database.close()
  }
}

const missing = (folder: string): SightlineError =>
  new SightlineError('GALLERY_MISSING', `there is no gallery in ${folder}: make one with 'sightline gallery build'`)
