/**
 * A stack of docker-compose.yml on the Docker of this machine: a project of its own, on free ports, with images of its own
 * tag. All of it, and nothing else, is removed at its beginning and its end.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../deploy/compose-file.ts'
import { type Child, startChild } from '../harness/child.ts'
import { freePorts } from '../harness/free-port.ts'

const run = promisify(execFile)

/** One project a checkout: what a run left that was killed, the next one removes. */
const name = `sightline-test-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`

/** The variables that are secrets, each with a value that is found wherever it is shown. */
export const secrets: Readonly<Record<string, string>> = {
  // Compose's own Redis has no password, and takes any for its default user.
  SIGHTLINE_REDIS_URL_FILE: 'redis://default:tell-tale-redis@redis:6379',
  SIGHTLINE_QDRANT_API_KEY_FILE: 'tell-tale-qdrant',
}

/** What `docker inspect` tells of a container. */
export interface Container {
  readonly Id: string
  readonly Name: string
  readonly RestartCount: number
  readonly State: { readonly Pid: number; readonly Running: boolean; readonly OOMKilled: boolean }
  readonly Config: { readonly Labels: Readonly<Record<string, string>> }
  readonly Mounts: readonly { readonly Type: string; readonly Name?: string; readonly Destination: string }[]
}

export interface Output {
  readonly code: number
  readonly out: string
  readonly err: string
}

export class Stack implements AsyncDisposable {
  readonly broker: string
  /** Names the image of the services. */
  readonly image = `sightline:${name}`
  readonly #folder: string
  readonly #environment: NodeJS.ProcessEnv

  /** Starts nothing yet. */
  static async open(): Promise<Stack> {
    const [kafka, qdrant] = (await freePorts(2)) as [number, number]
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    // For the containers' user, who is another one.
    await chmod(folder, 0o755)
    const stack = new Stack(folder, kafka, qdrant)
    for (const [variable, value] of Object.entries(secrets)) await stack.secret(variable, value)
    await stack.#remove()
    return stack
  }

  private constructor(folder: string, kafka: number, qdrant: number) {
    this.#folder = folder
    this.broker = `localhost:${kafka}`
    const { PATH, HOME, DOCKER_HOST, DOCKER_CONTEXT } = process.env
    this.#environment = {
      ...{ PATH, HOME, DOCKER_HOST, DOCKER_CONTEXT },
      KAFKA_PORT: String(kafka),
      QDRANT_PORT: String(qdrant),
      SIGHTLINE_VERSION: name,
    }
  }

  /** For all that is started from now on. */
  set(variable: string, value: string): void {
    this.#environment[variable] = value
  }

  /** Gives a variable as the path of a file with this text. */
  async secret(variable: string, text: string): Promise<void> {
    const path = join(this.#folder, variable)
    await writeFile(path, text, { mode: 0o644 })
    this.set(variable, path)
  }

  /** `docker compose …` of this project, with the profile `demo` where it is said; rejects where it fails. */
  async compose(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.tryCompose(...args)
    if (code !== 0) throw new Error(`docker compose ${args.join(' ')} ended with ${code}:\n${out}${err}`)
    return out + err
  }

  async tryCompose(...args: readonly string[]): Promise<Output> {
    const options = { cwd: root, env: this.#environment, maxBuffer: 64 * 2 ** 20 }
    return run('docker', [...this.#words(args)], options).then(
      ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        code,
        out: stdout,
        err: stderr,
      }),
    )
  }

  /** A `docker compose` that stays attached. */
  attached(...args: readonly string[]): Promise<Child> {
    return startChild('docker', this.#words(args), { cwd: root, env: this.#environment })
  }

  /** A developer's own .env has no part in it. */
  #words(args: readonly string[]): readonly string[] {
    return ['compose', '--project-name', name, '--env-file', '/dev/null', ...args]
  }

  /** Runs words in the first container of a service. */
  exec(service: string, ...words: readonly string[]): Promise<Output> {
    return this.tryCompose('exec', '-T', service, ...words)
  }

  /** The containers of a service, or of all, those that have ended included. */
  async containers(...services: readonly string[]): Promise<readonly Container[]> {
    const ids = (await this.compose('--profile', '*', 'ps', '--all', '--quiet', ...services)).trim()
    return ids === '' ? [] : (JSON.parse(await this.inspect(...ids.split('\n'))) as readonly Container[])
  }

  async inspect(...ids: readonly string[]): Promise<string> {
    return (await run('docker', ['inspect', ...ids], { maxBuffer: 64 * 2 ** 20 })).stdout
  }

  /**
   * Kills the first processes of these services' containers, all at the same time. `docker kill` is a stop that was asked
   * for, after which no container is started again; so a container that sees this machine's processes does it.
   */
  async crash(...services: readonly string[]): Promise<void> {
    const running = (await this.containers(...services)).filter(({ State }) => State.Running)
    const pids = running.map(({ State }) => State.Pid)
    const rights = ['--pid', 'host', '--user', '0', '--cap-drop', 'ALL', '--cap-add', 'KILL', '--network', 'none']
    await run('docker', ['run', '--rm', ...rights, this.image, 'sh', '-c', `kill -9 ${pids.join(' ')}`])
  }

  async #remove(): Promise<void> {
    await this.compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '20')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remove()
    for (const image of [this.image, `sightline-demo:${name}`]) {
      // Not every test builds both.
      await run('docker', ['image', 'rm', image]).catch(() => undefined)
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Seconds that something is away, or frozen: what the longest patience of the services does not outlast, or a moment. */
export const isShort = process.env['COMPOSE_LENGTH'] === 'short'

export const say = (line: string): boolean => process.stdout.write(`${line}\n`)
