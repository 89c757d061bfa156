/** One of the services as a process of its own, as it is deployed. */
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from './child.ts'

export type ServiceProcessName = 'detector' | 'embedder' | 'matcher'

export interface ServiceProcess extends AsyncDisposable {
  readonly child: Child
  /** Where its HTTP answers; resolves when it listens. */
  readonly url: Promise<string>
  /** Resolves when it processes frames; rejects with its output when it ends before. */
  readonly ready: Promise<void>
  /** GET, as JSON or text. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>
}

export interface ServiceStart {
  /** What its settings are added to. @default this process's environment */
  readonly environment?: NodeJS.ProcessEnv
  /** A command that runs it, with its arguments, as strace. @default none */
  readonly under?: readonly string[]
}

/** The port is a free one. */
export async function startService(
  name: ServiceProcessName,
  settings: Readonly<Record<string, string>>,
  { environment = process.env, under = [] }: ServiceStart = {},
): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL(`../../services/${name}/main.ts`, import.meta.url))
  const [command, ...args] = [...under, process.execPath, main]
  const child = await startChild(command!, args, {
    env: { ...environment, SIGHTLINE_HTTP_HOST: '127.0.0.1', SIGHTLINE_HTTP_PORT: '0', ...settings },
  })
  const listening = Promise.withResolvers<string>()
  const ready = Promise.withResolvers<void>()
  child.onLine((line) => {
    if (!line.startsWith('{')) return
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number }
    if (msg === 'starting') listening.resolve(`http://127.0.0.1:${port}`)
    if (msg === 'ready') ready.resolve()
  })
  void child.exited.then((code) => {
    const error = new Error(`the ${name} ended with ${code}:\n${child.output()}`)
    listening.reject(error)
    ready.reject(error)
  })
  // A test that kills a process does not wait for it to be ready.
  listening.promise.catch(() => undefined)
  ready.promise.catch(() => undefined)
  return {
    child,
    url: listening.promise,
    ready: ready.promise,
    async get(path) {
      const response = await fetch(`${await listening.promise}${path}`)
      return { status: response.status, text: await response.text() }
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}
