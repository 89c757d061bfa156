/**
 * The hold of the one writer of a gallery's folder, across processes: a lock of the file system that SQLite takes, so that it
 * ends with its process, however that ends.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { busy, thisWriter } from '../writers.ts'
import { busyCode, type Database, openDatabase, resultCode } from './open-database.ts'

export const lockName = 'writer.lock'

export class WriterLock implements Disposable {
  readonly #database: Database

  /** Makes the folder where there is none. Throws GALLERY_BUSY where another one holds it. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#database = openDatabase(join(folder, lockName), 0)
    try {
      this.#take(randomUUID())
    } catch (error) {
      const holder = resultCode(error) === busyCode ? this.#holder() : undefined
      this.#database.close()
      throw holder === undefined ? error : busy(folder, holder)
    }
  }

  /** Rolls the open transaction back. Twice is fine. */
  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close()
  }

  /**
   * The lock is a transaction that stays open, and who holds it stands in one before, for others to read. Between the two
   * another one may come: then the first is refused, or takes it anew once that one was refused.
   */
  #take(token: string): void {
    for (;;) {
      this.#database.exec(`BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS holder (token TEXT, who TEXT, since TEXT) STRICT;
        DELETE FROM holder`)
      const insert = this.#database.prepare('INSERT INTO holder VALUES (?, ?, ?)')
      insert.run(token, thisWriter(), new Date().toISOString())
      this.#database.exec('COMMIT; BEGIN IMMEDIATE')
      if (this.#database.prepare('SELECT token FROM holder').get()?.['token'] === token) return
      this.#database.exec('ROLLBACK')
    }
  }

  #holder(): { readonly who: string; readonly since: string } {
    const unknown = { who: 'a process that just begins', since: 'this moment' }
    try {
      const found = this.#database.prepare('SELECT who, since FROM holder').get()
      return found === undefined ? unknown : { who: String(found['who']), since: String(found['since']) }
    } catch {
      // It has not told yet.
      return unknown
    }
  }
}
