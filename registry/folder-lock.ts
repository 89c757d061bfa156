/** One writer at a time in a models folder, across processes and containers; a writer that died is not waited for. */
import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { diskError } from './disk.ts'

/** A holder touches its lock this often, in ms. */
const beatMs = 1000

/** A lock that was not touched for so long, in ms, belongs to nobody: far more than a busy machine delays a beat. */
const staleMs = 15_000

export interface LockOptions {
  readonly stop: AbortSignal
  /** Called once where another one is at work. */
  readonly onWait: () => void
}

/** Names of folders in which a writer prepares its work begin so; what one that died has left goes with its lock. */
export const workPrefix = '.work-'

/** Waits for the folder and holds it until disposed. Process ids would say nothing about another container. */
export async function lockFolder(folder: string, { stop, onWait }: LockOptions): Promise<AsyncDisposable> {
  const path = join(folder, '.lock')
  const token = randomUUID()
  let isWaiting = false
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw diskError(error, folder) ?? error
  }
  while (!(await take(path, token))) {
    if (!isWaiting) onWait()
    isWaiting = true
    await removeStale(path)
    await sleep(beatMs / 4, undefined, { signal: stop }).catch((cause: unknown) => {
      throw new SightlineError('TIMEOUT', `waiting for ${folder} was stopped`, { cause })
    })
  }
  for (const name of await readdir(folder)) {
    if (name.startsWith(workPrefix)) await rm(join(folder, name), { recursive: true, force: true })
  }
  const beat = setInterval(() => {
    const now = new Date()
    // A lock that can't be touched any more goes stale, which is all that can be done about it.
    utimes(path, now, now).catch(() => clearInterval(beat))
  }, beatMs)
  beat.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat)
      if ((await readFile(path, 'utf8').catch(() => null)) === token) await rm(path, { force: true })
    },
  }
}

async function take(path: string, token: string): Promise<boolean> {
  try {
    await writeFile(path, token, { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw diskError(error, path) ?? error
  }
}

/** Moved away first: of two that find it stale only one removes it, and a fresh one moved by mistake goes back. */
async function removeStale(path: string): Promise<void> {
  const isStale = async (file: string): Promise<boolean> => {
    const found = await stat(file).catch(() => null)
    return found !== null && Date.now() - found.mtimeMs > staleMs
  }
  if (!(await isStale(path))) return
  const aside = `${path}.${randomUUID()}`
  // Gone already: another one was quicker.
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  )
  if (!moved) return
  if (!(await isStale(aside))) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}
