/** The id of a picture in a gallery: its path below the root, the same however it was spelled. */
import { isAbsolute, join, normalize, relative, resolve } from 'node:path'

/** Lists that were made on Windows part folders by a backslash. */
const withSlashes = (path: string): string => path.replaceAll('\\', '/')

/**
 * `./a.jpg`, `sub/../a.jpg`, `.\a.jpg` and the absolute path of a picture below the root are all `a.jpg`; accents that are
 * letters of their own (as macOS writes them) and those that are not are the same. Outside of the root a path stays one.
 */
export function pictureId(path: string, root?: string): string {
  const slashes = withSlashes(path)
  const normal = normalize(slashes)
  if (root === undefined) return normal.normalize('NFC')
  const below = relative(resolve(root), resolve(root, slashes))
  const isBelow = below !== '' && below !== '..' && !below.startsWith('../')
  return (isBelow ? below : normal).normalize('NFC')
}

/** The file to read. */
export function pictureFile(path: string, root: string): string {
  const slashes = withSlashes(path)
  return isAbsolute(slashes) ? slashes : join(root, slashes)
}
