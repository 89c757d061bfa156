/** Qdrant's engine for tests (not its server): starts on a free port, can be killed and started again on its data. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, startChild } from './child.ts'
import { freePorts } from './free-port.ts'
import { pythonEnvironment } from './python-environment.ts'

const sources = join(import.meta.dirname, 'qdrant')
const readyWithinMs = 20_000

export interface QdrantServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`, the same over all restarts. */
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
}

/** Null where the engine is there or could be fetched; else what is missing. */
export function qdrantMissing(): Promise<string | null> {
  return enginePython().then(
    () => null,
    (error: unknown) => `no Python with Qdrant's engine: ${String(error).split('\n')[0]}`,
  )
}

export async function startQdrantServer({ apiKey }: { readonly apiKey?: string } = {}): Promise<QdrantServer> {
  const python = await enginePython()
  const folder = await mkdtemp(join(tmpdir(), 'sightline-qdrant-'))
  const [port] = (await freePorts(1)) as [number]
  const url = `http://127.0.0.1:${port}`
  const key = apiKey === undefined ? [] : [apiKey]
  let child: Child | undefined
  const start = async () => {
    child = await startChild(python, [join(sources, 'server.py'), String(port), folder, ...key])
    await ready(url, child)
  }
  const kill = async () => {
    child?.signal('SIGKILL')
    await child?.exited
  }
  await start()
  return {
    url,
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The interpreter of an environment with the engine. */
function enginePython(): Promise<string> {
  engine ??= pythonEnvironment('qdrant', join(sources, 'requirements.txt'), 'qdrant_edge')
  return engine
}

let engine: Promise<string> | undefined

async function ready(url: string, child: Child): Promise<void> {
  for (const end = Date.now() + readyWithinMs; Date.now() < end; ) {
    // Any answer will do: a server with a key refuses this request.
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    )
    if (isUp) return
    await sleep(50)
  }
  throw new Error(`Qdrant's engine is not ready:\n${child.output()}`)
}
