/** The files of a model's weights: names that stay inside the model's folder, and the checksum that all of them have together. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { SightlineError } from '../errors/errors.ts'

// In other languages `$` also stands before a line's end, which `(?!\n)` refuses.
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$(?!\n)/)

/** A path below a folder that means the same on every system: no `..`, no drive, no backslash, not absolute. */
const inside = /^(?!\.{1,2}(\/|$))[^/\\:\0]+(\/(?!\.{1,2}(\/|$))[^/\\:\0]+)*$/

export const isInside = (path: string): boolean => inside.test(path)

/** A file of a model's folder, as its manifest names it. */
export const fileSchema = z.object({
  file: z.string().regex(inside, 'is no path inside the folder'),
  sha256: sha256Schema,
  bytes: z.int().nonnegative(),
})

export type ModelFile = z.infer<typeof fileSchema>

/** The files one behind the other, as if they were one, and each by itself. Throws MODEL_MISSING where one can't be read. */
export async function digestOf(
  folder: string,
  names: readonly string[],
): Promise<{ readonly sha256: string; readonly bytes: number; readonly files: ReadonlyMap<string, ModelFile> }> {
  const all = createHash('sha256')
  const files = new Map<string, ModelFile>()
  for (const file of names) {
    const one = createHash('sha256')
    const bytes = await feed(join(folder, file), [one, all])
    files.set(file, { file, sha256: one.digest('hex'), bytes })
  }
  const bytes = Array.from(files.values()).reduce((sum, file) => sum + file.bytes, 0)
  return { sha256: all.digest('hex'), bytes, files }
}

/** The sha256 of a file, hex; throws MODEL_MISSING when it can't be read. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await feed(path, [hash])
  return hash.digest('hex')
}

/** The bytes that were fed. */
async function feed(path: string, hashes: readonly Hash[]): Promise<number> {
  let bytes = 0
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
      for (const hash of hashes) hash.update(chunk)
      bytes += chunk.length
    }
  } catch (cause) {
    throw new SightlineError('MODEL_MISSING', `reading model weights ${path}`, { cause })
  }
  return bytes
}
