/** A real Redis for tests, in a container or redis-server: starts on a free port, can be frozen, and killed and started again on its data. */
import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inContainer } from './container.ts'
import { freePorts } from './free-port.ts'
import { inProcess, type Launch, openServer, type Server } from './server.ts'
import { imageOf, isInContainer } from './server-ways.ts'

const run = promisify(execFile)
/** Inside a container. */
const redisPort = 6379

export interface RedisServer extends Server {
  /** `redis://…`, the same over all restarts. */
  readonly url: string
}

/** Null where redis-server is on this machine; else what is missing. */
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
  const [port] = (await freePorts(1)) as [number]
  const files = ['--save', '', '--appendonly', 'yes']
  const access = password === undefined ? [] : ['--requirepass', password]
  const launch = isInContainer('redis')
    ? inContainer({
        image: imageOf('redis'),
        ports: [{ container: redisPort, host: port }],
        command: ['redis-server', ...files, ...access],
      })
    : await ownProcess(port, [...files, ...access])
  return {
    ...(await openServer('Redis', launch, () => answersPing(port))),
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
  }
}

async function ownProcess(port: number, settings: readonly string[]): Promise<Launch> {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-redis-'))
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  return inProcess(folder, 'redis-server', [...place, ...settings])
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
