/** Qdrant for tests, the server in a container or else its engine alone: starts on a free port, can be killed and started again on its data. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inContainer } from './container.ts'
import { freePorts } from './free-port.ts'
import { pythonEnvironment } from './python-environment.ts'
import { inProcess, type Launch, openServer, type Server } from './server.ts'
import { imageOf, isInContainer } from './server-ways.ts'

const sources = join(import.meta.dirname, 'qdrant')
/** Inside a container. */
const qdrantPort = 6333

export interface QdrantServer extends Server {
  /** `http://127.0.0.1:…`, the same over all restarts. */
  readonly url: string
}

/** Null where the engine is there or could be fetched; else what is missing. */
export function qdrantMissing(): Promise<string | null> {
  return enginePython().then(
    () => null,
    (error: unknown) => `no Python with Qdrant's engine: ${String(error).split('\n')[0]}`,
  )
}

export async function startQdrantServer({ apiKey }: { readonly apiKey?: string } = {}): Promise<QdrantServer> {
  const [port] = (await freePorts(1)) as [number]
  const launch = isInContainer('qdrant') ? serverLaunch(port, apiKey) : await engineLaunch(port, apiKey)
  const url = `http://127.0.0.1:${port}`
  return { ...(await openServer('Qdrant', launch, () => answersHttp(url))), url }
}

const serverLaunch = (port: number, apiKey: string | undefined): Launch =>
  inContainer({
    image: imageOf('qdrant'),
    ports: [{ container: qdrantPort, host: port }],
    environment: {
      QDRANT__TELEMETRY_DISABLED: 'true',
      ...(apiKey === undefined ? {} : { QDRANT__SERVICE__API_KEY: apiKey }),
    },
  })

async function engineLaunch(port: number, apiKey: string | undefined): Promise<Launch> {
  const python = await enginePython()
  const folder = await mkdtemp(join(tmpdir(), 'sightline-qdrant-'))
  const key = apiKey === undefined ? [] : [apiKey]
  return inProcess(folder, python, [join(sources, 'server.py'), String(port), folder, ...key])
}

/** The interpreter of an environment with the engine. */
function enginePython(): Promise<string> {
  engine ??= pythonEnvironment('qdrant', join(sources, 'requirements.txt'), 'qdrant_edge')
  return engine
}

let engine: Promise<string> | undefined

/** Any answer will do: a server with a key refuses this request. */
const answersHttp = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  )
