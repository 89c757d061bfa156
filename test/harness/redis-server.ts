/** A real Redis for tests: starts on a free port, can be frozen, and killed and started again on its data. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Child, startChild } from './child.ts'
import { freePorts } from './free-port.ts'

const run = promisify(execFile)
const readyWithinMs = 20_000

export interface RedisServer extends AsyncDisposable {
  /** `redis://…`, the same over all restarts. */
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
  /** It keeps its connections and takes new ones, and answers nothing. */
  freeze(): void
  thaw(): void
}

/** Null where a server can be started on this machine; else what is missing. */
export async function redisMissing(): Promise<string | null> {
  return run('redis-server', ['--version']).then(
    () => null,
    () => 'no redis-server on the PATH',
  )
}

/** Installs the server from the distribution's packages, for a CI machine; rejects where apt or the rights are missing. */
export async function installRedis(): Promise<void> {
  process.stderr.write('installing redis-server for the tests ...\n')
  await run('apt-get', ['update', '-qq'])
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], options)
}

export interface RedisServerOptions {
  /** That clients have to give; the URL holds it. */
  readonly password?: string
}

export async function startRedisServer({ password }: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-redis-'))
  const [port] = (await freePorts(1)) as [number]
  let child: Child | undefined
  const start = async () => {
    const network = ['--port', String(port), '--bind', '127.0.0.1']
    const files = ['--dir', folder, '--save', '', '--appendonly', 'yes']
    const access = password === undefined ? [] : ['--requirepass', password]
    child = await startChild('redis-server', [...network, ...files, ...access])
    await ready(port, child)
  }
  const kill = async () => {
    child?.signal('SIGKILL')
    await child?.exited
  }
  await start()
  return {
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    kill,
    start,
    freeze: () => child?.signal('SIGSTOP'),
    thaw: () => child?.signal('SIGCONT'),
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function ready(port: number, child: Child): Promise<void> {
  for (const end = Date.now() + readyWithinMs; Date.now() < end; ) {
    if (await answersPing(port)) return
    await sleep(20)
  }
  throw new Error(`redis-server is not ready:\n${child.output()}`)
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, () => done(false))
    socket.on('error', () => done(false))
    socket.on('close', () => done(false))
    socket.on('data', (data) => done(/^(\+PONG|-NOAUTH)/.test(data.toString())))
  })
}
