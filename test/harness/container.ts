/** Servers of tests in containers, by testcontainers: on this machine's ports alone, and none outlives the run, not even one killed by -9. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { WaitStrategy } from 'testcontainers'
import type { Launch, ServerRun } from './server.ts'

export interface ContainerOptions {
  readonly image: string
  /** Where the server listens inside, and the port of 127.0.0.1 that leads there. */
  readonly ports: readonly { readonly container: number; readonly host: number }[]
  readonly environment?: Readonly<Record<string, string>>
  /** @default the image's own */
  readonly command?: readonly string[]
  /** Put into it before it starts; everybody may read them. */
  readonly files?: readonly { readonly content: string | Buffer; readonly target: string }[]
}

/** A Docker that hangs must not hold up tests that need none. */
const answersWithinMs = 10_000

/** The label of our containers; its value is the process that they belong to. */
export const ownerLabel = 'dev.sightline.tests'

/** Late, for it takes half a second; and without its own cleaner, another image, whose work container-guard.ts does. */
async function testcontainers(): Promise<typeof import('testcontainers')> {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
  return await import('testcontainers')
}

async function client() {
  return await (await testcontainers()).getContainerRuntimeClient()
}

/** Null where a Docker answers whose containers are reached on this machine; else why not. */
export async function noDocker(): Promise<string | null> {
  try {
    const late = sleep(answersWithinMs, null, { ref: false })
    const answered = await Promise.race([client(), late])
    if (answered === null) return 'Docker does not answer'
    const { host } = answered.info.containerRuntime
    return (await isThisMachine(host)) ? null : `Docker's containers are on ${host}, not here`
  } catch {
    return 'no Docker answers'
  }
}

/** An address that can be listened on. */
function isThisMachine(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().on('error', () => resolve(false))
    server.listen(0, host, () => server.close(() => resolve(true)))
  })
}

/** Null where Docker has the image, or has it now; else why not. */
export async function fetchImage(image: string): Promise<string | null> {
  try {
    const [{ ImageName }, { image: images }] = [await testcontainers(), await client()]
    const name = ImageName.fromString(image)
    if (await images.exists(name)) return null
    process.stderr.write(`pulling ${image} for the tests (once) ...\n`)
    await images.pull(name)
    // It resolves too where the registry breaks off.
    return (await images.exists(name)) ? null : `${image} was not pulled`
  } catch (error) {
    return `no ${image}: ${String(error).split('\n')[0]!.trim()}`
  }
}

export function inContainer(options: ContainerOptions): Launch {
  let made: Made | undefined
  return {
    start: async () => {
      if (made === undefined) made = await create(options)
      else await made.start()
      return runOf(made)
    },
    remove: async () => void (await made?.remove({ force: true, v: true })),
  }
}

type Made = ReturnType<Awaited<ReturnType<typeof client>>['container']['getById']>

/** Makes and starts it; whether its server answers is the harness's own question. */
async function create({ image, ports, environment, command, files = [] }: ContainerOptions): Promise<Made> {
  const { GenericContainer } = await testcontainers()
  class LocalContainer extends GenericContainer {
    /** As withExposedPorts, but only this machine reaches them. */
    withLocalPorts(): this {
      this.withExposedPorts(...ports)
      const bindings = Object.entries(this.hostConfig.PortBindings as Record<string, { HostPort: string }[]>)
      this.hostConfig.PortBindings = Object.fromEntries(
        bindings.map(([port, hosts]) => [port, hosts.map((host) => ({ ...host, HostIp: '127.0.0.1' }))]),
      )
      return this
    }
  }
  const container = new LocalContainer(image)
    .withLocalPorts()
    .withLabels({ [ownerLabel]: guardedOwner() })
    .withEnvironment({ ...environment })
    .withCopyContentToContainer(files.map((file) => ({ ...file, mode: 0o644 })))
    .withWaitStrategy(atOnce)
  if (command !== undefined) container.withCommand([...command])
  return (await client()).container.getById((await container.start()).getId())
}

const atOnce: WaitStrategy = {
  waitUntilReady: async () => undefined,
  withStartupTimeout: () => atOnce,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 0,
}

const runOf = (made: Made): ServerRun => ({
  exited: made.wait(),
  output: async () => {
    const log = await made.logs({ stdout: true, stderr: true, tail: 200 })
    // Docker puts eight bytes before each piece.
    return log.toString('latin1').replaceAll(/[^\n\x20-\x7e]/g, '')
  },
  signal: async (name) => {
    await made.kill({ signal: name }).catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 409) throw error // 409: it does not run.
    })
  },
})

/** This process's id among owners of containers, guarded from the first on. */
function guardedOwner(): string {
  owner ??= startGuard()
  return owner
}

let owner: string | undefined

/** The guard sees its stdin end when we are gone, however that happened; a signal to our group does not reach it. */
function startGuard(): string {
  const id = randomUUID()
  const guard = fileURLToPath(new URL('./container-guard.ts', import.meta.url))
  const child = spawn(process.execPath, [guard, id], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
  child.unref()
  ;(child.stdin as Socket).unref()
  return id
}
