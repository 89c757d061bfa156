/**
 * `docker compose up` without Docker: starts what docker-compose.yml says, each service with exactly its command and
 * environment as a process, after what it depends on. Host names, ports and mounted folders become ones of this machine.
 */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Child, startChild } from '../harness/child.ts'
import { freePorts } from '../harness/free-port.ts'
import { answersApiVersions, clusterId } from '../harness/kafka-broker.ts'
import { kafkaJars } from '../harness/kafka-jars.ts'
import { startQdrantServer } from '../harness/qdrant-server.ts'
import { ready } from '../harness/server.ts'
import { type ComposeFile, type ComposeService, readCompose, root, type Variables } from './compose-file.ts'
import { imageEnvironment } from './dockerfile.ts'

const run = promisify(execFile)
const qdrantAddress = 'http://qdrant:6333'

export interface Running {
  readonly child: Child
  /** Resolves when a service of ours processes frames; rejects when it ends before. */
  readonly ready: Promise<void>
  /** Where its port 8080 is on this machine. */
  readonly httpPort: number
}

interface Ports {
  readonly internal: number
  readonly host: number
  readonly controller: number
  readonly redis: number
}

export class ComposeUp implements AsyncDisposable {
  readonly file: ComposeFile
  readonly #ports: Ports
  readonly #folder: string
  #qdrantUrl = ''
  readonly #started = new Map<string, Promise<Running>>()
  readonly #scope = new AsyncDisposableStack()

  /** `folder` takes the place of the volumes. */
  static async in(folder: string, variables: Variables): Promise<ComposeUp> {
    const [internal, host, controller, redis] = (await freePorts(4)) as [number, number, number, number]
    return new ComposeUp(folder, variables, { internal, host, controller, redis })
  }

  private constructor(folder: string, variables: Variables, ports: Ports) {
    this.#folder = folder
    this.#ports = ports
    this.file = readCompose({ KAFKA_PORT: String(ports.host), ...variables })
  }

  /** The broker as this machine sees it. */
  get broker(): string {
    return `localhost:${this.#ports.host}`
  }

  /** Starts a service once, what it needs first. */
  up(name: string): Promise<Running> {
    const known = this.#started.get(name)
    if (known !== undefined) return known
    const started = this.#start(name)
    this.#started.set(name, started)
    return started
  }

  /** What Docker does when a service has ended. */
  again(name: string): Promise<Running> {
    this.#started.delete(name)
    return this.up(name)
  }

  async #start(name: string): Promise<Running> {
    const service = this.file.services[name]!
    for (const [needed, { condition, required = true }] of Object.entries(service.depends_on ?? {})) {
      if (!required) continue // It stands under a profile that is not asked for.
      const { child } = await this.up(needed)
      const code = condition === 'service_completed_successfully' ? await child.exited : 0
      if (code !== 0) throw new Error(`${needed} ended with ${code}:\n${child.output()}`)
    }
    if (name === 'kafka') return this.#startKafka(service)
    if (name === 'redis') return this.#startRedis(service)
    if (name === 'qdrant') return this.#startQdrant()
    return this.#startOurs(name, service)
  }

  async #startOurs(name: string, service: ComposeService): Promise<Running> {
    const [httpPort] = (await freePorts(1)) as [number]
    const given = Object.entries({ ...imageEnvironment(), ...service.environment })
    const env = Object.fromEntries(given.map(([variable, value]) => [variable, this.#here(String(value ?? ''))]))
    const [command = '', ...args] = service.command!.map((word) => this.#here(word))
    // Containers all listen on 8080; on one machine each needs a port of its own.
    const child = await this.#child(command, args, { ...env, SIGHTLINE_HTTP_PORT: String(httpPort) })
    const isReady = new Promise<void>((resolve, reject) => {
      child.onLine((line) => {
        if (line.startsWith('{') && (JSON.parse(line) as { msg?: string }).msg === 'ready') resolve()
      })
      void child.exited.then((code) => reject(new Error(`${name} ended with ${code}:\n${child.output()}`)))
    })
    isReady.catch(() => undefined)
    return { child, httpPort, ready: isReady }
  }

  /** The official image turns KAFKA_A_B into the property a.b. */
  async #startKafka({ environment = {} }: ComposeService): Promise<Running> {
    const data = join(this.#folder, 'kafka')
    await mkdir(data, { recursive: true })
    const { KAFKA_HEAP_OPTS: heap, CLUSTER_ID: id } = environment
    const settings = Object.entries(environment).filter(
      ([name]) => name.startsWith('KAFKA_') && name !== 'KAFKA_HEAP_OPTS',
    )
    const properties = settings.map(([name, value]) => {
      const property = name
        .replace(/^KAFKA_/, '')
        .toLowerCase()
        .replaceAll('_', '.')
      return `${property}=${this.#here(String(value))}\n`
    })
    const config = join(data, 'server.properties')
    await writeFile(config, properties.join(''))
    const classPath = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${await kafkaJars()}/*`]
    const cluster = String(id ?? clusterId())
    await run('java', [...classPath, 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', config])
    const child = await this.#child(
      'java',
      [...String(heap).split(' '), ...classPath, 'kafka.Kafka', config],
      process.env,
    )
    await ready('the Kafka broker', child, () => answersApiVersions(this.#ports.internal))
    return { child, httpPort: 0, ready: Promise.resolve() }
  }

  async #startRedis({ command, healthcheck }: ComposeService): Promise<Running> {
    const [server = '', ...args] = command!
    const network = ['--port', String(this.#ports.redis), '--bind', '127.0.0.1', '--dir', this.#folder]
    const child = await this.#child(server, [...args, ...network], process.env)
    const [, client = '', ...words] = healthcheck!.test!
    const asked = ['-p', String(this.#ports.redis), ...words]
    while ((await run(client, asked).catch(() => ({ stdout: '' }))).stdout !== 'PONG\n') await sleep(20)
    return { child, httpPort: 0, ready: Promise.resolve() }
  }

  /** Its engine behind the calls that a gallery makes; none where the gallery is a folder. */
  async #startQdrant(): Promise<Running> {
    const isNeeded = String(this.file.services['matcher']!.environment!['SIGHTLINE_GALLERY']).includes(qdrantAddress)
    if (isNeeded) this.#qdrantUrl = this.#scope.use(await startQdrantServer()).url
    return { child: await this.#child('true', [], process.env), httpPort: 0, ready: Promise.resolve() }
  }

  async #child(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Child> {
    const child = await startChild(command, args, { cwd: root, env })
    // By SIGTERM: a wrapper hands it on, where SIGKILL would leave its service behind.
    this.#scope.defer(async () => void (await child.stop()))
    return child
  }

  /** A text of the file with the addresses and folders of this machine. */
  #here(text: string): string {
    const { internal, host, controller, redis } = this.#ports
    const replacements: readonly (readonly [string | RegExp, string])[] = [
      ['/app/', `${root}/`],
      [/^\/pictures/, join(this.#folder, 'pictures')],
      ['/var/lib/kafka/data', join(this.#folder, 'kafka', 'data')],
      ['kafka:19092', `127.0.0.1:${internal}`],
      [qdrantAddress, this.#qdrantUrl],
      ['redis:6379', `127.0.0.1:${redis}`],
      ['://:19092', `://127.0.0.1:${internal}`],
      ['://:9092', `://127.0.0.1:${host}`],
      ['://:9093', `://127.0.0.1:${controller}`],
      ['1@localhost:9093', `1@127.0.0.1:${controller}`],
    ]
    return replacements.reduce((changed, [from, to]) => changed.replace(from, to), text)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.disposeAsync()
  }
}
