/** Writes a JSON file so that readers see the old one or the new one, never a part. */
import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { diskError } from './disk.ts'

export async function writeJson(path: string, value: unknown): Promise<void> {
  const next = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(next, `${JSON.stringify(value, null, 2)}\n`)
    await rename(next, path)
  } catch (error) {
    await rm(next, { force: true })
    throw diskError(error, path) ?? error
  }
}
