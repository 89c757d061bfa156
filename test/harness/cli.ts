/** Runs the command line as a process of its own, as a user does. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

export interface Finished {
  readonly code: number | null
  /** What ended it, where it did not end by itself. */
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
  /** The lines of the output, parsed. */
  readonly json: () => Record<string, never>[]
}

export const startCli = (...args: readonly string[]): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [main, ...args])

export async function finish(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return {
    code,
    signal,
    out,
    err,
    json: () =>
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, never>),
  }
}

export const runCli = (...args: readonly string[]): Promise<Finished> => finish(startCli(...args))

/** Resolves when the process has printed a line that fits. */
export function line(child: ChildProcessWithoutNullStreams, fits: (line: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += String(chunk)
      const found = text.split('\n').slice(0, -1).find(fits)
      if (found !== undefined) resolve(found)
    })
    child.once('close', () => reject(new Error(`the process ended without such a line: ${text}`)))
  })
}
