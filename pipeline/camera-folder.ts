/** A folder of pictures as a camera: what is there in the order of the names, then, if asked, what is added. */
import { lstat, stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { type FolderContents, listPictures, readPictureFile, unreadableFile } from './pictures.ts'

export interface CameraFolder {
  readonly camera: string
  readonly folder: string
  /** Keep looking for new pictures until `stop` aborts. */
  readonly follow: boolean
  /** ms between two frames; 0 plays them as fast as they are taken. */
  readonly intervalMs: number
}

/** A frame of the folder, or why a picture in it is none. */
export type FolderFrame =
  | (FrameToPublish & { readonly id: string })
  | { readonly camera: string; readonly id: string; readonly error: SightlineError }

/** What befalls the folder as a whole; its pictures' errors come in their place. */
export interface FolderNotices {
  /** The folder can't be read; following, it is looked for until it is back. */
  lost(error: SightlineError): void
  back(): void
  /** What a look found, each time that is something else than before. */
  found(contents: FolderContents): void
}

const pollMs = 500

/** How a picture was at a look: a new version of it is another frame. */
interface Look {
  readonly version: string
  /** Changes also with the leave to read it. */
  readonly changedMs: number
  readonly error?: SightlineError
}

/** Ends after the last picture or, following, when `stop` aborts. A picture deleted before its turn is left out. */
export async function* framesOf(
  source: CameraFolder,
  stop: AbortSignal,
  notices: FolderNotices,
): AsyncGenerator<FolderFrame> {
  // The pictures at the last look; only those still there are remembered.
  let before = new Map<string, Look>()
  const taken = new Map<string, string>()
  let isLost = false
  let inside = ''
  for (let look = 0; !stop.aborted && (look === 0 || source.follow); look += 1) {
    const contents = await listPictures(source.folder).catch((error: unknown) => {
      if (!(error instanceof SightlineError)) throw error
      return error
    })
    if (contents instanceof SightlineError) {
      // What was taken stays so: the folder may come back with the same pictures.
      if (!isLost) notices.lost(contents)
      isLost = true
    } else {
      if (isLost) notices.back()
      isLost = false
      const now = await looksAt(contents.pictures)
      const summary = JSON.stringify([now.size === 0, contents.closed, [...contents.leftOut.keys()]])
      if (summary !== inside) notices.found(contents)
      inside = summary
      for (const [path, picture] of now) {
        // Cameras write files bit by bit: a new one is taken when it stayed the same between two looks.
        const isComplete = look === 0 || before.get(path)?.version === picture.version
        if (!isComplete || taken.get(path) === picture.version || taken.get(path) === unread(picture)) continue
        if (stop.aborted) return
        const frame = await frameOf(path, picture, source)
        taken.set(path, frame !== null && 'error' in frame ? unread(picture) : picture.version)
        if (frame === null) continue
        yield frame
        if (source.intervalMs > 0) await pause(source.intervalMs, stop)
      }
      const isClosed = (path: string): boolean => contents.closed.some((folder) => path.startsWith(`${folder}${sep}`))
      for (const path of taken.keys()) if (!now.has(path) && !isClosed(path)) taken.delete(path)
      before = now
    }
    if (source.follow) await pause(pollMs, stop)
  }
}

/** What could not be read is tried again when something about it has changed. */
const unread = ({ version, changedMs }: Look): string => `${version}!${changedMs}`

/** Null where the picture is gone. */
async function frameOf(path: string, picture: Look, { camera, folder }: CameraFolder): Promise<FolderFrame | null> {
  const named = { camera, id: `${relative(folder, path)}@${picture.version}`, source: path }
  try {
    if (picture.error !== undefined) throw picture.error
    return { ...named, bytes: await readPictureFile(path) }
  } catch (error) {
    if (!(error instanceof SightlineError)) throw error
    return (await isGone(path)) ? null : { ...named, error }
  }
}

async function looksAt(pictures: readonly string[]): Promise<Map<string, Look>> {
  const looks = new Map<string, Look>()
  for (const path of pictures) {
    try {
      const { size, mtimeMs, ctimeMs } = await stat(path)
      looks.set(path, { version: `${size}-${Math.round(mtimeMs)}`, changedMs: ctimeMs })
    } catch (cause) {
      if (!(await isGone(path))) looks.set(path, { version: '?', changedMs: 0, error: unreadableFile(path, cause) })
    }
  }
  return looks
}

/** Deleted, other than a link that leads nowhere. */
const isGone = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )

/** Sleeps, but not past a stop. */
const pause = (ms: number, stop: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal: stop }).catch((error: unknown) => {
    if (!stop.aborted) throw error
  })
