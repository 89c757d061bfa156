/** A whole deployment for tests: topics of its own on a real broker, the services as processes, and the books of what was published. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '../../shared/bus/kafka/kafka-topics.ts'
import { deadLetterTopic } from '../../shared/contracts/dead-letter-topics.ts'
import { encodeFrame, type FrameToPublish } from '../../shared/contracts/frame.ts'
import { type RecognitionEvent, recognitionEventSchema } from '../../shared/contracts/recognition-event.ts'
import { defaultTopicPlan, planTopics } from '../../shared/contracts/topic-plan.ts'
import { type Topics, topicNames } from '../../shared/contracts/topology.ts'
import { Collector } from './bus/collector.ts'
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

/** How every published frame ended, as a `read_committed` reader sees it. */
export interface Ends {
  readonly published: number
  readonly events: number
  readonly dead: number
  /** Events or dead letters of a frame that has another one. */
  readonly doubles: number
  readonly missing: number
}

export const endsLine = ({ published, events, doubles, missing, dead }: Ends): string =>
  `published ${published}, events ${events}, doubles ${doubles}, missing ${missing}, dead ${dead}`

const productsKnown = 6

export class Deployment implements AsyncDisposable {
  readonly prefix = `t${randomUUID().slice(0, 8)}-`
  readonly topics: Topics = topicNames(this.prefix)
  readonly bus: KafkaBus
  /** Ids of the published frames. */
  readonly published = new Set<string>()
  readonly #options: DeploymentOptions
  readonly #folder: string
  readonly #scope = new AsyncDisposableStack()

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
    this.#options = options
    this.#folder = folder
    this.bus = this.#scope.use(new KafkaBus({ brokers: options.brokers }))
    this.#scope.defer(() => rm(folder, { recursive: true, force: true }))
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
    this.#scope.use(service)
    return service
  }

  /** One of each, ready. */
  async startAll(env: Readonly<Record<string, string>> = {}): Promise<Record<ServiceProcessName, ServiceProcess>> {
    const [detector, embedder, matcher] = await Promise.all(serviceNames.map((name) => this.start(name, env)))
    await Promise.all([detector!.ready, embedder!.ready, matcher!.ready])
    return { detector: detector!, embedder: embedder!, matcher: matcher! }
  }

  /** Publishes frames under ids of their own, or the given ones. */
  async publish(frames: readonly FrameToPublish[]): Promise<void> {
    const named = frames.map((frame) => ({ ...frame, id: frame.id ?? randomUUID() }))
    await this.bus.publish(named.map((frame) => encodeFrame(this.topics.frames, frame)))
    for (const { camera, id } of named) this.published.add(`${camera}:${id}`)
  }

  /** What a new reader of the deployment's outputs sees, from the beginning and as it comes. */
  async read(): Promise<Reader> {
    const { frames, detections, embeddings, recognitions } = this.topics
    const group = `reader-${randomUUID()}`
    const events = this.#scope.use(await Collector.on(this.bus, recognitions, group))
    const letters = await Promise.all(
      [frames, detections, embeddings].map((topic) =>
        Collector.on(this.bus, deadLetterTopic(topic), `${group}-${topic}`),
      ),
    )
    for (const collector of letters) this.#scope.use(collector)
    return new Reader(events, letters)
  }

  /** Waits until every published frame has ended, and counts what a new reader sees. */
  async ends(): Promise<Ends> {
    const reader = await this.read()
    await reader.ended(this.published.size)
    const ids = reader.ids()
    const seen = new Set(ids)
    return {
      published: this.published.size,
      events: reader.events().length,
      dead: reader.dead().length,
      doubles: ids.length - seen.size,
      missing: [...this.published].filter((id) => !seen.has(id)).length,
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.disposeAsync()
  }
}

/** Events and dead letters as they come. */
export class Reader {
  readonly #events: Collector
  readonly #letters: readonly Collector[]

  constructor(events: Collector, letters: readonly Collector[]) {
    this.#events = events
    this.#letters = letters
  }

  events(): readonly RecognitionEvent[] {
    return this.#events.deliveries.map(({ value }) =>
      recognitionEventSchema.parse(JSON.parse(Buffer.from(value!).toString())),
    )
  }

  deliveries(): Collector['deliveries'] {
    return this.#events.deliveries
  }

  dead(): Collector['deliveries'] {
    return this.#letters.flatMap(({ deliveries }) => deliveries)
  }

  /** The frame of every event and dead letter. */
  ids(): readonly string[] {
    return [...this.#events.deliveries, ...this.dead()].map(({ headers }) => headers['frame-id']!)
  }

  /** Resolves when so many different frames have ended. */
  async ended(count: number): Promise<void> {
    const isEnough = () => new Set(this.ids()).size >= count
    const waits = [this.#events, ...this.#letters].map((collector) => collector.until(isEnough))
    await Promise.race(waits)
  }
}

/** A frame that shows a known product. */
export const frameOf = async (camera: string, number: number): Promise<FrameToPublish> => ({
  camera,
  bytes: await product(number % productsKnown),
})
