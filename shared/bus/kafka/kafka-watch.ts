/** Watches a subscription's topic from outside, and tells aloud and in readiness what its reading would not notice: gone, held, lost. */
import type { Logger } from '../../errors/logger.ts'
import type { KafkaInspector, TopicAnswer } from './kafka-inspector.ts'
import type { Hold, KafkaPlaces } from './kafka-places.ts'

export interface WatchPorts {
  readonly inspector: KafkaInspector
  readonly places: KafkaPlaces
  readonly logger: Logger
  readonly everyMs: number
  /** Whether something fetched waits there. */
  readonly isBuffered: (partition: number) => boolean
  /** The topic as it is now; whether it is still the one that is read. */
  readonly found: (topic: TopicAnswer | null) => boolean
}

/** Lost messages are told for this time, in ms: nothing can be done about them, but they should be seen. */
const lostToldMs = 15 * 60_000

interface HoldTale {
  readonly hold: Hold
  readonly text: string
}

export class KafkaWatch implements Disposable {
  readonly #topic: string
  readonly #ports: WatchPorts
  readonly #timer: NodeJS.Timeout
  #tales: readonly HoldTale[] = []
  #lost = 0
  #lostAt: number | null = null
  #looking: Promise<void> | undefined

  constructor(topic: string, ports: WatchPorts) {
    this.#topic = topic
    this.#ports = ports
    this.#timer = setInterval(() => void this.look(), ports.everyMs)
  }

  get lost(): number {
    return this.#lost
  }

  troubles(): readonly string[] {
    const holding = new Set(this.#ports.places.holds())
    const held = this.#tales.filter(({ hold }) => holding.has(hold)).map(({ text }) => text)
    if (this.#lostAt === null || Date.now() - this.#lostAt > lostToldMs) return held
    const last = new Date(this.#lostAt).toISOString()
    return [...held, `${this.#lost} messages of ${this.#topic} were deleted before they were read, the last ${last}`]
  }

  /** Never rejects. One look at a time. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        // Brokers that do not answer are told by those who need an answer.
        this.#ports.logger.debug({ topic: this.#topic, err: error }, 'looking at the topic failed')
      })
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  /** So many messages were deleted before they were read. */
  lose(partition: number, messages: number): void {
    this.#lost += messages
    this.#lostAt = Date.now()
    const place = { topic: this.#topic, partition, messages }
    this.#ports.logger.warn(place, 'messages were deleted before they were read: the topic keeps them too short a time')
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { inspector, places, found, isBuffered, logger } = this.#ports
    const topic = await inspector.topic(this.#topic)
    if (!found(topic) || topic === null) return
    const ranges = await inspector.logs(
      topic,
      [...topic.leaders.keys()].filter((partition) => places.has(partition)),
    )
    const { lost, held, freed, unread } = places.compare(ranges, isBuffered)
    for (const { partition, messages } of lost) this.lose(partition, messages)
    for (const { partition, offset } of unread) {
      const timestamp = await inspector.timestampAt(topic, partition, offset)
      if (timestamp !== null) places.date(partition, offset, timestamp)
    }
    for (const { partition } of freed) {
      logger.info({ topic: this.#topic, partition }, 'the open transaction has ended, reading goes on')
    }
    this.#tales = this.#tales.filter(({ hold }) => !freed.includes(hold))
    for (const hold of held) this.#tales = [...this.#tales, { hold, text: await this.#tell(topic, hold) }]
  }

  async #tell(topic: TopicAnswer, hold: Hold): Promise<string> {
    const { inspector, logger } = this.#ports
    const { partition, offset } = hold
    const since = await inspector.timestampAt(topic, partition, offset)
    // Brokers may refuse to tell, or not know the request; the hold is told all the same.
    const transactionalId = await inspector.holder(topic, partition, offset).catch(() => null)
    const time = since === null ? '' : ` since ${new Date(since).toISOString()}`
    const owner = transactionalId === null ? '' : ` (transactional id ${transactionalId})`
    const text = `an open transaction holds partition ${partition} of ${topic.name}${time}${owner}`
    logger.warn({ topic: topic.name, partition, offset: String(offset), transactionalId }, text)
    return text
  }
}
