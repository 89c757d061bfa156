/** A folder of pictures as a camera: what is there in the order of the names, then, if asked, what is added. */
import { readFile, stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { picturesIn } from './pictures.ts'

export interface CameraFolder {
  readonly camera: string
  readonly folder: string
  /** Keep looking for new pictures until `stop` aborts. */
  readonly follow: boolean
  /** ms between two frames; 0 plays them as fast as they are taken. */
  readonly intervalMs: number
}

const pollMs = 500

/** Ends after the last picture or, following, when `stop` aborts. A picture deleted before its turn is left out. */
export async function* framesOf(source: CameraFolder, stop: AbortSignal): AsyncGenerator<FrameToPublish> {
  // Versions (size and time of change) of the pictures at the last look; only those still there are remembered.
  let before = new Map<string, string>()
  const taken = new Map<string, string>()
  for (let look = 0; !stop.aborted && (look === 0 || source.follow); look += 1) {
    const now = await versionsIn(source.folder)
    for (const [path, version] of now) {
      // Cameras write files bit by bit: a new one is taken when it stayed the same between two looks.
      const isComplete = look === 0 || before.get(path) === version
      if (taken.get(path) === version || !isComplete) continue
      if (stop.aborted) return
      taken.set(path, version)
      const bytes = await readFile(path).catch(missing)
      if (bytes === undefined) continue
      yield { camera: source.camera, bytes, id: `${relative(source.folder, path)}@${version}`, source: path }
      if (source.intervalMs > 0) await pause(source.intervalMs, stop)
    }
    for (const path of taken.keys()) if (!now.has(path)) taken.delete(path)
    before = now
    if (source.follow) await pause(pollMs, stop)
  }
}

async function versionsIn(folder: string): Promise<Map<string, string>> {
  const versions = new Map<string, string>()
  for (const path of await picturesIn(folder)) {
    const found = await stat(path).catch(missing)
    if (found !== undefined) versions.set(path, `${found.size}-${Math.round(found.mtimeMs)}`)
  }
  return versions
}

/** Sleeps, but not past a stop. */
const pause = (ms: number, stop: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal: stop }).catch((error: unknown) => {
    if (!stop.aborted) throw error
  })

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}
