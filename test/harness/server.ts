/** A server of a test's own, as a process or in a container: killed as by a power cut, and started again on its data and ports. */
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from './child.ts'

export interface Server extends AsyncDisposable {
  /** Ends it at once. */
  kill(): Promise<void>
  /** Starts it again after a kill; resolves when it answers. */
  start(): Promise<void>
  /** It keeps its connections and takes new ones, and answers nothing. */
  freeze(): Promise<void>
  thaw(): Promise<void>
}

/** From a start to its end. */
export interface ServerRun {
  readonly exited: Promise<unknown>
  /** The last that it wrote. */
  output(): string | Promise<string>
  /** Nothing happens where it has ended. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void | Promise<void>
}

/** A way to run a server. */
export interface Launch {
  start(): Promise<ServerRun>
  /** Takes away what it leaves, once it has ended. */
  remove(): Promise<void>
}

/** As a process of this machine with its data in `folder`. */
export const inProcess = (folder: string, command: string, args: readonly string[]): Launch => ({
  start: () => startChild(command, args),
  remove: () => rm(folder, { recursive: true, force: true }),
})

export async function openServer(name: string, launch: Launch, answers: () => Promise<boolean>): Promise<Server> {
  let run: ServerRun | undefined
  const start = async () => {
    run = await launch.start()
    await ready(name, run, answers)
  }
  const kill = async () => {
    const ending = run
    run = undefined
    await ending?.signal('SIGKILL')
    await ending?.exited
  }
  const end = async () => {
    await kill()
    await launch.remove()
  }
  try {
    await start()
  } catch (error) {
    await end()
    throw error
  }
  return {
    kill,
    start,
    freeze: async () => run?.signal('SIGSTOP'),
    thaw: async () => run?.signal('SIGCONT'),
    [Symbol.asyncDispose]: end,
  }
}

const readyWithinMs = 60_000

/** Resolves when the server answers; rejects with what it wrote. */
export async function ready(
  name: string,
  run: Pick<ServerRun, 'exited' | 'output'>,
  answers: () => Promise<boolean>,
): Promise<void> {
  let running = true
  void run.exited.then(() => {
    running = false
  })
  for (const end = Date.now() + readyWithinMs; running && Date.now() < end; ) {
    if (await answers()) return
    await sleep(50)
  }
  throw new Error(`${name} ${running ? 'is not ready' : 'ended'}:\n${await run.output()}`)
}
