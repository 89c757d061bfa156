/** Writes a JSON file so that readers see the old one or the new one, never a part. */
import writeFileAtomic from 'write-file-atomic'
import { diskError } from './disk.ts'

export async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`)
  } catch (error) {
    throw diskError(error, path) ?? error
  }
}
