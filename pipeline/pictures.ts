/** Finds the pictures that paths name: files as they are, folders by their pictures in the order of their names. Reads them. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import { decodeImage, defaultImageLimits, type Pixels } from '@sightline/shared/imaging/decode.ts'

const pictureName = /\.(jpe?g|png|webp|avif|gif|tiff?)$/i

/** The pictures of a folder and its sub-folders, sorted by path; throws FILE_UNREADABLE. */
export async function picturesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((cause: unknown) => {
    throw new SightlineError('FILE_UNREADABLE', `the folder ${folder} can't be read`, { cause })
  })
  return entries
    .filter((entry) => entry.isFile() && pictureName.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Files stay, whatever their name (they are answered one by one, with an error if need be); folders are listed. */
export async function expandPaths(paths: readonly string[]): Promise<readonly string[]> {
  const lists = await Promise.all(
    paths.map(async (path) => {
      const isFolder = await stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      )
      return isFolder ? picturesIn(path) : [path]
    }),
  )
  return lists.flat()
}

/** The pixels of a picture file; throws FILE_UNREADABLE or what decoding throws. */
export async function readPicture(file: string): Promise<Pixels> {
  return decodeImage(await readPictureFile(file), defaultImageLimits)
}

/** Throws FILE_UNREADABLE. */
export const readPictureFile = (file: string): Promise<Uint8Array> =>
  readFile(file).catch((cause: unknown) => {
    throw new SightlineError('FILE_UNREADABLE', `reading ${file}: ${describeError(cause)}`, { cause })
  })
