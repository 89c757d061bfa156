/** The books of a deployment: which frames were published to it, and how each ended, as a `read_committed` reader sees it. */
import { randomUUID } from 'node:crypto'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { deadLetterTopic } from '../../shared/contracts/dead-letter-topics.ts'
import { encodeFrame, type FrameToPublish } from '../../shared/contracts/frame.ts'
import { type RecognitionEvent, recognitionEventSchema } from '../../shared/contracts/recognition-event.ts'
import type { Topics } from '../../shared/contracts/topology.ts'
import { asWritten, Collector } from './bus/collector.ts'

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

export class Books implements AsyncDisposable {
  readonly topics: Topics
  readonly bus: KafkaBus
  /** Ids of the published frames. */
  readonly published = new Set<string>()
  protected readonly scope = new AsyncDisposableStack()

  constructor(brokers: readonly string[], topics: Topics) {
    this.topics = topics
    this.bus = this.scope.use(new KafkaBus({ brokers, delivery: 'at-least-once' }))
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
    const events = this.scope.use(await Collector.on(this.bus, recognitions, group))
    const letters = await Promise.all(
      [frames, detections, embeddings].map((topic) =>
        Collector.on(this.bus, deadLetterTopic(topic), `${group}-${topic}`),
      ),
    )
    for (const collector of letters) this.scope.use(collector)
    return new Reader(events, letters)
  }

  /** Waits until every published frame has ended, and counts what a new reader sees; others' frames are doubles at most. */
  async ends(): Promise<Ends> {
    const reader = await this.read()
    await reader.until((ids) => [...this.published].every((id) => ids.has(id)))
    return this.endsIn(reader)
  }

  /** What a reader has seen until now of the published frames. */
  endsIn(reader: Reader): Ends {
    const isOurs = ({ headers }: Deliveries[number]): boolean => this.published.has(headers['frame-id']!)
    const ids = reader.ids()
    const seen = new Set(ids)
    return {
      published: this.published.size,
      events: reader.deliveries().filter(isOurs).length,
      dead: reader.dead().filter(isOurs).length,
      doubles: ids.length - seen.size,
      missing: [...this.published].filter((id) => !seen.has(id)).length,
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.scope.disposeAsync()
  }
}

type Deliveries = ReturnType<typeof asWritten>

/** Events and dead letters as they come. */
export class Reader {
  readonly #events: Collector
  readonly #letters: readonly Collector[]

  constructor(events: Collector, letters: readonly Collector[]) {
    this.#events = events
    this.#letters = letters
  }

  events(): readonly RecognitionEvent[] {
    return this.deliveries().map(({ value }) =>
      recognitionEventSchema.parse(JSON.parse(Buffer.from(value!).toString())),
    )
  }

  deliveries(): Deliveries {
    return asWritten(this.#events.deliveries)
  }

  dead(): Deliveries {
    return this.#letters.flatMap(({ deliveries }) => asWritten(deliveries))
  }

  /** The frame of every event and dead letter. */
  ids(): readonly string[] {
    return [...this.deliveries(), ...this.dead()].map(({ headers }) => headers['frame-id']!)
  }

  /** Resolves when so many different frames have ended. */
  ended(count: number): Promise<void> {
    return this.until((ids) => ids.size >= count, count)
  }

  /** Resolves when the frames that have ended, not looked at before there are so many, fulfil the condition. */
  async until(condition: (ids: ReadonlySet<string>) => boolean, from = 0): Promise<void> {
    const collectors = [this.#events, ...this.#letters]
    const have = () => collectors.reduce((sum, { deliveries }) => sum + deliveries.length, 0)
    const isEnough = () => have() >= from && condition(new Set(this.ids()))
    const waits = collectors.map((collector) => collector.until(isEnough))
    await Promise.race(waits)
  }
}
