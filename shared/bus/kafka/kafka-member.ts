/** One membership of a consumer group by one kafkajs consumer: joins, fetches, proves that it is still a member, and leaves. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../errors/logger.ts'
import type { FetchedBatch, KafkaClients, KafkaConsumer } from './kafka-client.ts'
import { isExpelled, isMissingTopic, isRebalancing, kafkaError } from './kafka-errors.ts'

export interface MemberOptions {
  readonly group: string
  readonly topic: string
  /** Where partitions start for which nothing is committed. */
  readonly from: 'oldest' | 'newest'
  readonly logger: Logger
}

/** What becomes of a membership. */
export interface MemberEvents {
  /** Also without a change: `memberId` is another one where we were out of the group in between. */
  readonly joined: (memberId: string, partitions: readonly number[]) => void
  /** The brokers answer. */
  readonly alive: () => void
  /** What is not committed belongs to others now. */
  readonly lostAll: () => void
  /** A fetch brought what begins at `first`, transaction markers included. */
  readonly began: (partition: number, first: bigint) => void
  /** The fetch goes on at `next`, behind messages and transaction markers, which no handler ever sees. */
  readonly reached: (partition: number, next: bigint) => void
  /** Takes what was fetched; where it does not, the same comes again. */
  readonly take: (batch: FetchedBatch) => boolean
  /** The topic is gone: this membership is of no use any more. */
  readonly missing: () => void
  readonly failed: (error: unknown) => void
}

/** Fetched at a time and partition; a larger message comes alone. */
const fetchBytes = 2 * 1024 * 1024
/** Waited for a clean leave of the group, in ms; after it the session time-out does the same. */
const leaveWithinMs = 5_000

export class KafkaMember {
  readonly consumer: KafkaConsumer
  readonly #options: MemberOptions
  readonly #events: MemberEvents
  readonly #ready = Promise.withResolvers<void>()
  #heartbeat: () => Promise<void> = async () => undefined
  #leaving: Promise<void> | undefined

  constructor(clients: KafkaClients, options: MemberOptions, events: MemberEvents) {
    this.#options = options
    this.#events = events
    this.consumer = clients.consumer(options.group, fetchBytes)
  }

  /** Joins the group; `ended` ends the wait for the first assignment. */
  async start(ended: Promise<void>): Promise<void> {
    const { consumer } = this
    const { topic, from } = this.#options
    const { joined, alive, lostAll, began, reached, missing, failed } = this.#events
    const { GROUP_JOIN, HEARTBEAT, START_BATCH_PROCESS, END_BATCH_PROCESS, CRASH, FETCH } = consumer.events
    consumer.on(GROUP_JOIN, ({ payload }) => {
      if (!this.#isLeaving) joined(payload.memberId, payload.memberAssignment[topic] ?? [])
    })
    consumer.on(HEARTBEAT, alive)
    consumer.on(START_BATCH_PROCESS, ({ payload: { partition, firstOffset } }) => {
      // Null, whatever the type says, where all of it lies before the place asked for.
      const first: string | null = firstOffset
      if (!this.#isLeaving && first !== null) began(partition, BigInt(first))
    })
    // Also emitted for fetches that hold nothing but transaction markers.
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (!this.#isLeaving) reached(payload.partition, BigInt(payload.lastOffset) + 1n)
    })
    consumer.on(CRASH, ({ payload }) => {
      if (this.#isLeaving) return
      if (isMissingTopic(payload.error)) missing()
      else if (payload.restart) lostAll()
      else failed(kafkaError(this.#doing, payload.error))
    })
    // 'newest' is what the first fetch finds: only then is it certain that messages published from now on are seen.
    consumer.on(from === 'newest' ? FETCH : GROUP_JOIN, () => this.#ready.resolve())
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: from === 'oldest' })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (batch) => this.#take(batch),
    })
    await Promise.race([this.#ready.promise, ended])
  }

  /** Never rejects. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  /** A heartbeat, unless the last one was a moment ago. A rebalance on its way is no reason to stop: we join it in time. */
  async prove(): Promise<void> {
    try {
      await this.#heartbeat()
    } catch (error) {
      if (isExpelled(error)) this.#events.lostAll()
      if (!isRebalancing(error)) throw kafkaError(this.#doing, error)
    }
  }

  seek(partition: number, offset: bigint): void {
    this.consumer.seek({ topic: this.#options.topic, partition, offset: String(offset) })
  }

  setPaused(partition: number, paused: boolean): void {
    const { topic, logger } = this.#options
    const place = [{ topic, partitions: [partition] }]
    try {
      if (paused) this.consumer.pause(place)
      else this.consumer.resume(place)
    } catch (error) {
      // Between a crash and its restart the client has no group, and the next one starts with nothing paused.
      logger.debug({ topic, partition, err: error }, 'no group to pause in')
    }
  }

  get #doing(): string {
    return `consuming ${this.#options.topic} as group ${this.#options.group}`
  }

  get #isLeaving(): boolean {
    return this.#leaving !== undefined
  }

  /** Only buffers: the next fetch of all partitions waits for this call, and heartbeats come with fetches. */
  #take(fetched: FetchedBatch): void {
    const { batch, resolveOffset, heartbeat, isRunning, isStale } = fetched
    if (this.#isLeaving || !isRunning() || isStale()) return
    this.#heartbeat = heartbeat
    if (this.#events.take(fetched)) resolveOffset(batch.messages.at(-1)!.offset)
  }

  async #leave(): Promise<void> {
    const { group, logger } = this.#options
    this.#ready.resolve()
    const left = this.consumer.disconnect().catch((error: unknown) => {
      logger.warn({ group, err: error }, 'leaving the group failed, its session will run out')
    })
    await Promise.race([left, sleep(leaveWithinMs, undefined, { ref: false })])
  }
}
