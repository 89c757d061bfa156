/** Unpacks a model's tar: plain files below the given folder and nothing else, within limits. */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { extract, type Header } from 'tar-stream'
import { diskError } from './disk.ts'

export interface ArchiveLimits {
  readonly entries: number
  /** Of all files together. */
  readonly bytes: number
}

/** Many times what the two archives hold. */
export const defaultArchiveLimits: ArchiveLimits = { entries: 64, bytes: 2 ** 30 }

/** Throws MODEL_ARCHIVE with the entry and the reason, or FILE_UNWRITABLE where the disk does not take it. */
export async function unpack(archive: string, to: string, limits = defaultArchiveLimits): Promise<void> {
  const refused = (why: string): SightlineError => new SightlineError('MODEL_ARCHIVE', `${archive}: ${why}`)
  const tar = extract()
  let entries = 0
  let bytes = 0
  const reading = pipeline(createReadStream(archive), tar)
  // It may fail before the loop below is through; the loop fails with it.
  reading.catch(() => undefined)
  try {
    for await (const entry of tar) {
      const { header } = entry
      entries += 1
      bytes += header.size ?? 0
      if (entries > limits.entries) throw refused(`more than ${limits.entries} entries`)
      if (bytes > limits.bytes) throw refused(`unpacked it is larger than ${limits.bytes} bytes`)
      const problem = entryProblem(header)
      if (problem !== null) throw refused(`the entry '${header.name}' ${problem}`)
      const path = join(to, header.name)
      if (header.type === 'directory') {
        await mkdir(path, { recursive: true })
        entry.resume()
      } else {
        await mkdir(dirname(path), { recursive: true })
        // A name that comes twice is refused: 'wx'.
        await using file = await open(path, 'wx')
        for await (const chunk of entry as AsyncIterable<Buffer>) await file.writeFile(chunk)
      }
    }
    await reading
  } catch (error) {
    // The other end of the stream fails with the same reason.
    await reading.catch(() => undefined)
    if (error instanceof SightlineError) throw error
    const disk = diskError(error, to)
    if (disk !== null) throw disk
    throw new SightlineError('MODEL_ARCHIVE', `${archive} is damaged, cut off or no tar; remove it and get it again`, {
      cause: error,
    })
  }
  if (entries === 0) throw refused('it is empty or no tar')
}

/** The folder below `root` that holds a Paddle inference model; throws MODEL_ARCHIVE where there is not exactly one. */
export async function inferenceFolder(root: string, archive: string): Promise<string> {
  const files = await readdir(root, { recursive: true })
  const folders = files.filter((file) => file.endsWith('inference.pdmodel')).map((file) => dirname(file))
  const [folder] = folders
  if (folders.length !== 1 || folder === undefined) {
    throw new SightlineError('MODEL_ARCHIVE', `${archive} holds ${folders.length} files inference.pdmodel, not one`)
  }
  if (!files.includes(join(folder, 'inference.pdiparams'))) {
    throw new SightlineError('MODEL_ARCHIVE', `${archive} holds no weights (inference.pdiparams): it was cut off`)
  }
  return join(root, folder)
}

/** Why an entry is not unpacked, or null. Both separators count, so that a name means the same on every system. */
function entryProblem({ name, type }: Header): string | null {
  if (type !== 'file' && type !== 'directory') return `is a ${type}, not a plain file`
  if (name.includes('\0') || name.includes('\\') || /^([a-z]:|\/)/i.test(name)) return 'has a name that is not allowed'
  if (name.split('/').includes('..')) return 'lies outside the folder it is unpacked to'
  return null
}
