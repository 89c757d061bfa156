/** Finds the pictures that paths name: files as they are, folders by their pictures in the order of their names. Reads them. */
import { constants } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { decodeImage, defaultImageLimits, type ImageLimits, type Pixels } from '@sightline/shared/imaging/decode.ts'
import { readableExtensions, unreadExtensions } from '@sightline/shared/imaging/picture-kinds.ts'

export interface FolderContents {
  /** Sorted by path; a link that leads nowhere is among them, and told when it is read. */
  readonly pictures: readonly string[]
  /** Sub-folders that can't be listed. */
  readonly closed: readonly string[]
  /** How many files look like pictures and are none that is read, by what they are. */
  readonly leftOut: ReadonlyMap<string, number>
}

const noFile = 'pipe or device'

/**
 * The pictures of a folder and its sub-folders. Links to pictures and to folders count like what they lead to; each folder
 * is looked into once, by its own path rather than by a link, and those that the folder itself lies in never: no circle of
 * links is run through. Throws FILE_UNREADABLE where the folder itself can't be listed.
 */
export async function listPictures(folder: string): Promise<FolderContents> {
  const pictures: string[] = []
  const closed: string[] = []
  const leftOut = new Map<string, number>()
  const seen = await foldersAround(folder)
  const folders = [folder]
  const linked: string[] = []
  for (let next = folders.shift(); next !== undefined; next = folders.shift() ?? linked.shift()) {
    try {
      const identity = await identityOf(next)
      if (seen.has(identity)) continue
      seen.add(identity)
      for (const entry of await readdir(next, { withFileTypes: true })) {
        const path = join(next, entry.name)
        const kind = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry
        if (kind?.isDirectory() === true) (entry.isSymbolicLink() ? linked : folders).push(path)
        else {
          const extension = extname(path).toLowerCase()
          if (readableExtensions.has(extension)) {
            if (kind === null || kind.isFile()) pictures.push(path)
            else count(leftOut, noFile)
          } else if (unreadExtensions.has(extension)) count(leftOut, extension)
        }
      }
    } catch (cause) {
      if (next === folder) throw unreadableFile(folder, cause)
      closed.push(next)
    }
  }
  return { pictures: pictures.sort(), closed, leftOut }
}

/** The pictures of a folder and its sub-folders, sorted by path; throws FILE_UNREADABLE. */
export const picturesIn = async (folder: string): Promise<readonly string[]> => (await listPictures(folder)).pictures

/** One line for a person: what of a folder was left out, null where nothing was. */
export function leftOutLine(folder: string, { leftOut }: Pick<FolderContents, 'leftOut'>): string | null {
  if (leftOut.size === 0) return null
  const kinds = [...leftOut].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, number]) => `${number} ${kind}`)
  return `${folder}: left out what is no picture of a kind that is read: ${kinds.join(', ')}`
}

/**
 * Files stay, whatever their name, and so do folders that can't be listed: they are answered one by one, with an error if
 * need be. Other folders stand for their pictures.
 */
export async function expandPaths(
  paths: readonly string[],
  tell: (line: string) => void = () => undefined,
): Promise<readonly string[]> {
  const expanded: string[] = []
  for (const path of paths) {
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
    const contents = isFolder ? await listPictures(path).catch(() => null) : null
    if (contents === null) expanded.push(path)
    else {
      const line = leftOutLine(path, contents)
      if (line !== null) tell(line)
      else if (contents.pictures.length + contents.closed.length === 0) tell(`there are no pictures in ${path}`)
      expanded.push(...contents.pictures, ...contents.closed)
    }
  }
  return expanded
}

/** The bytes of a picture file; throws FILE_UNREADABLE, also for what is no file, or IMAGE_TOO_LARGE, before it is read. */
export async function readPictureFile(file: string): Promise<Uint8Array> {
  try {
    // A pipe that nobody writes to would hold whoever opens it.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = await handle.stat()
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'a pipe or a device'
      throw new SightlineError('FILE_UNREADABLE', `${file} can't be read: it is ${what}, not a file`)
    }
    if (found.size > defaultImageLimits.maxBytes) {
      throw new SightlineError(
        'IMAGE_TOO_LARGE',
        `${file} has ${found.size} bytes; at most ${defaultImageLimits.maxBytes} are read`,
      )
    }
    return await handle.readFile()
  } catch (cause) {
    throw unreadableFile(file, cause)
  }
}

/** The pixels of a picture file; throws FILE_UNREADABLE or what decoding throws. */
export const readPicture = async (file: string, limits: ImageLimits = defaultImageLimits): Promise<Pixels> =>
  decodeImage(await readPictureFile(file), limits)

/** FILE_UNREADABLE with the system's reason, once. */
export function unreadableFile(file: string, cause: unknown): SightlineError {
  if (cause instanceof SightlineError) return cause
  const { errno, message } = cause as NodeJS.ErrnoException
  const reason = errno === undefined ? undefined : getSystemErrorMap().get(errno)
  return new SightlineError(
    'FILE_UNREADABLE',
    `${file} can't be read: ${reason === undefined ? message : `${reason[1]} (${reason[0]})`}`,
  )
}

/** The folders that `folder` lies in. */
async function foldersAround(folder: string): Promise<Set<string>> {
  const around = new Set<string>()
  const real = await realpath(folder).catch(() => null)
  for (let at = real; at !== null && basename(at) !== ''; ) {
    at = dirname(at)
    const identity = await identityOf(at).catch(() => null)
    if (identity !== null) around.add(identity)
  }
  return around
}

async function identityOf(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true })
  return `${dev}:${ino}`
}

const count = (counts: Map<string, number>, kind: string): unknown => counts.set(kind, (counts.get(kind) ?? 0) + 1)
