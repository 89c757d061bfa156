/** A whole deployment for tests: topics of its own on a real broker, the services as processes, and the books of what was published. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureTopics } from '../../shared/bus/kafka/kafka-topics.ts'
import type { FrameToPublish } from '../../shared/contracts/frame.ts'
import { defaultTopicPlan, planTopics } from '../../shared/contracts/topic-plan.ts'
import { topicNames } from '../../shared/contracts/topology.ts'
import { Books } from './books.ts'
import { runCli } from './cli.ts'
import { product, writeProducts } from './pictures.ts'
import { type ServiceProcess, type ServiceProcessName, type ServiceStart, startService } from './service-process.ts'

export const serviceNames: readonly ServiceProcessName[] = ['detector', 'embedder', 'matcher']

export interface DeploymentOptions {
  readonly brokers: readonly string[]
  /** Where the services find the broker, if not where the test does. */
  readonly servicesBrokers?: readonly string[]
  readonly partitions?: number
  /** Where the gallery lies, if not in a folder of the deployment's own. */
  readonly gallery?: string
  /** Added to the environment of every service. */
  readonly env?: Readonly<Record<string, string>>
}

const productsKnown = 6

export class Deployment extends Books {
  readonly prefix: string
  readonly #options: DeploymentOptions
  readonly #folder: string

  /** Makes the topics and a gallery of `product(0)` to `product(5)`. */
  static async open(options: DeploymentOptions): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    const deployment = new Deployment(options, folder)
    const plan = planTopics({
      ...defaultTopicPlan,
      prefix: deployment.prefix,
      partitions: options.partitions ?? 4,
    })
    await ensureTopics({ brokers: options.brokers }, plan)
    const labels = await writeProducts(folder, productsKnown)
    const gallery = ['--gallery', deployment.gallery]
    const built = await runCli('gallery', 'build', '--labels', labels, '--root', folder, ...gallery)
    if (built.code !== 0) throw new Error(built.err)
    return deployment
  }

  private constructor(options: DeploymentOptions, folder: string) {
    const prefix = `t${randomUUID().slice(0, 8)}-`
    super(options.brokers, topicNames(prefix))
    this.prefix = prefix
    this.#options = options
    this.#folder = folder
    this.scope.defer(() => rm(folder, { recursive: true, force: true }))
  }

  get gallery(): string {
    return this.#options.gallery ?? join(this.#folder, 'gallery')
  }

  /** Starts a process; it is not waited for. One worker thread: a test machine has few cores. */
  async start(
    name: ServiceProcessName,
    env: Readonly<Record<string, string>> = {},
    how: ServiceStart = {},
  ): Promise<ServiceProcess> {
    const { servicesBrokers, brokers } = this.#options
    const settings = {
      SIGHTLINE_KAFKA_BROKERS: (servicesBrokers ?? brokers).join(','),
      SIGHTLINE_TOPIC_PREFIX: this.prefix,
      SIGHTLINE_GALLERY: this.gallery,
      SIGHTLINE_WORKERS: '1',
      SIGHTLINE_WHOLE_FRAME: 'always',
      ...this.#options.env,
      ...env,
    }
    const service = await startService(name, settings, how)
    this.scope.use(service)
    return service
  }

  /** One of each, ready. */
  async startAll(env: Readonly<Record<string, string>> = {}): Promise<Record<ServiceProcessName, ServiceProcess>> {
    const [detector, embedder, matcher] = await Promise.all(serviceNames.map((name) => this.start(name, env)))
    await Promise.all([detector!.ready, embedder!.ready, matcher!.ready])
    return { detector: detector!, embedder: embedder!, matcher: matcher! }
  }
}

/** A frame that shows a known product. */
export const frameOf = async (camera: string, number: number): Promise<FrameToPublish> => ({
  camera,
  bytes: await product(number % productsKnown),
})
