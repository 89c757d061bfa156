/** A disk of a few kilobytes, to be filled: a tmpfs, where this user may mount one. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface SmallDisk extends AsyncDisposable {
  readonly path: string
}

/** Rejects where it can't be mounted. */
export async function mountSmallDisk(kilobytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'sightline-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path])
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}

/** Null where disks can be mounted; else why not. */
export async function smallDiskMissing(): Promise<string | null> {
  try {
    await using _disk = await mountSmallDisk(64)
    return null
  } catch {
    return 'this user may not mount a tmpfs'
  }
}
