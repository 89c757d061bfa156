/** Opens SQLite files; the one place that knows which SQLite it is. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'

export type Database = DatabaseSync
export type SqlValue = SQLInputValue

/** `waitMs`: how long a statement waits for another connection's lock. */
export function openDatabase(file: string, waitMs: number): Database {
  const database = new DatabaseSync(file)
  database.exec(`PRAGMA busy_timeout = ${waitMs}`)
  return database
}

/** SQLite's primary result code of an error: 5 busy, 6 locked, 10 an I/O error, 13 a full disk. */
export const resultCode = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined

export const busyCode = 5

/** The result codes of what passes. */
export const passingCodes: ReadonlySet<number | undefined> = new Set([busyCode, 6, 10, 13])

/** 3 no permission, 8 read-only, 14 can't be opened. */
export const unwritableCodes: ReadonlySet<number | undefined> = new Set([3, 8, 14])
