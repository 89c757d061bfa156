/** One member of a Kafka consumer group: shares out what is fetched to its partitions, and ends aloud when it can't go on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '../../errors/errors.ts'
import type { Logger } from '../../errors/logger.ts'
import type { Handler, SubscribeOptions, Subscription } from '../bus.ts'
import type { RedeliveryOptions } from '../redelivery.ts'
import type { FetchedBatch, KafkaAdmin, KafkaClients, KafkaConsumer } from './kafka-client.ts'
import type { Committer, InputPartition } from './kafka-committer.ts'
import { isExpelled, isRebalancing, kafkaError } from './kafka-errors.ts'
import { groupLag } from './kafka-lag.ts'
import { toDelivery } from './kafka-messages.ts'
import type { KafkaTimes } from './kafka-options.ts'
import { KafkaPartition } from './kafka-partition.ts'

export interface SubscriptionPorts {
  readonly clients: KafkaClients
  readonly admin: () => Promise<KafkaAdmin>
  readonly times: KafkaTimes
  readonly redelivery: RedeliveryOptions
  readonly logger: Logger
  readonly committer: (input: InputPartition, consumer: KafkaConsumer) => Committer
}

/** Fetched at a time and partition; a larger message comes alone. */
const fetchBytes = 2 * 1024 * 1024
const bufferBytes = 8 * 1024 * 1024
/** Waited for a clean leave of the group, in ms; after it the session time-out does the same. */
const leaveWithinMs = 5_000

export class KafkaSubscription implements Subscription {
  readonly closed: Promise<void>
  readonly #options: SubscribeOptions
  readonly #handler: Handler
  readonly #ports: SubscriptionPorts
  readonly #consumer: KafkaConsumer
  readonly #partitions = new Map<number, KafkaPartition>()
  /** Partitions that were taken away while something was at work. */
  readonly #ending = new Map<number, Promise<void>>()
  /** First offset not fetched, transaction markers included, which no handler ever sees. */
  readonly #positions = new Map<number, bigint>()
  readonly #settle = Promise.withResolvers<void>()
  #assigned: readonly number[] = []
  #memberId = ''
  #heartbeat: () => Promise<void> = async () => undefined
  #lastSign = performance.now()
  #watch: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(options: SubscribeOptions, handler: Handler, ports: SubscriptionPorts) {
    this.#options = options
    this.#handler = handler
    this.#ports = ports
    this.closed = this.#settle.promise
    this.#consumer = ports.clients.consumer(options.group, fetchBytes)
  }

  /** Joins the group; resolves with the first assignment. */
  async start(): Promise<void> {
    const consumer = this.#consumer
    const { GROUP_JOIN, HEARTBEAT, END_BATCH_PROCESS, CRASH, FETCH } = consumer.events
    consumer.on(GROUP_JOIN, ({ payload }) => this.#joined(payload.memberId, payload.memberAssignment))
    consumer.on(HEARTBEAT, () => {
      this.#lastSign = performance.now()
    })
    // Also emitted for fetches that hold nothing but transaction markers.
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      this.#positions.set(payload.partition, BigInt(payload.lastOffset) + 1n)
    })
    consumer.on(CRASH, ({ payload }) => {
      if (payload.restart) this.#loseAll()
      else this.#fail(kafkaError(this.#doing, payload.error))
    })
    const { topic, from = 'oldest' } = this.#options
    const ready = Promise.withResolvers<void>()
    // 'newest' is what the first fetch finds: only then is it certain that messages published from now on are seen.
    consumer.on(from === 'newest' ? FETCH : GROUP_JOIN, () => ready.resolve())
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: from === 'oldest' })
    this.#watch = setInterval(() => this.#assertSign(), this.#ports.times.silenceTimeoutMs / 4)
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (batch) => this.#take(batch),
    })
    await Promise.race([ready.promise, this.closed])
  }

  async lag(): Promise<number> {
    const { group, topic } = this.#options
    const reached = new Map(this.#assigned.map((partition) => [partition, this.#reached(partition)]))
    return groupLag(await this.#ports.admin(), group, topic, reached)
  }

  oldest(): number | null {
    const times = [...this.#partitions.values()].flatMap(({ oldest }) => oldest?.timestamp ?? [])
    return times.length === 0 ? null : Math.min(...times)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
    this.#settle.resolve()
  }

  /** First offset that is not done with, as far as known here. */
  #reached(partition: number): bigint | undefined {
    return this.#partitions.get(partition)?.oldest?.offset ?? this.#positions.get(partition)
  }

  get #doing(): string {
    return `consuming ${this.#options.topic} as group ${this.#options.group}`
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch)
    const { logger } = this.#ports
    // Still a member: what is at work can be committed.
    await Promise.all([...this.#partitions.values()].map((partition) => partition.drain()))
    await Promise.all(this.#ending.values())
    const left = this.#consumer.disconnect().catch((error: unknown) => {
      logger.warn({ group: this.#options.group, err: error }, 'leaving the group failed, its session will run out')
    })
    await Promise.race([left, sleep(leaveWithinMs, undefined, { ref: false })])
  }

  #fail(error: unknown): void {
    this.#settle.reject(error)
    this.#closing ??= this.#close()
  }

  #assertSign(): void {
    const silent = performance.now() - this.#lastSign
    if (silent < this.#ports.times.silenceTimeoutMs) return
    this.#fail(
      new SightlineError('BUS_UNAVAILABLE', `${this.#doing}: no broker answered for ${Math.round(silent / 1000)} s`),
    )
  }

  /** A partition that stays keeps its producer, its buffer and what is at work; others start anew. */
  #joined(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#lastSign = performance.now()
    this.#assigned = assignment[this.#options.topic] ?? []
    // Under a new name we were out of the group, and others may have had all partitions in between.
    if (memberId !== this.#memberId) this.#loseAll()
    this.#memberId = memberId
    for (const partition of this.#partitions.keys()) if (!this.#assigned.includes(partition)) this.#lose(partition)
  }

  #loseAll(): void {
    for (const partition of this.#partitions.keys()) this.#lose(partition)
  }

  #lose(partition: number): void {
    this.#ending.set(partition, this.#partitions.get(partition)!.lose())
    this.#partitions.delete(partition)
    this.#positions.delete(partition)
    this.#setPaused(partition, false)
  }

  /** Only buffers: the next fetch of all partitions waits for this call, and heartbeats come with fetches. */
  #take({ batch, resolveOffset, heartbeat, isRunning, isStale }: FetchedBatch): void {
    if (this.#closing !== undefined || !isRunning() || isStale() || !this.#assigned.includes(batch.partition)) return
    this.#heartbeat = heartbeat
    const known = this.#partitions.get(batch.partition)
    const partition = known ?? this.#open(batch.partition)
    this.#partitions.set(batch.partition, partition)
    partition.add(batch.messages.map((message) => toDelivery(batch.topic, batch.partition, message)))
    resolveOffset(batch.messages.at(-1)!.offset)
  }

  #open(partition: number): KafkaPartition {
    const { group, topic, maxBatch } = this.#options
    const input = { group, topic, partition }
    const { redelivery, logger, committer, times } = this.#ports
    return new KafkaPartition(input, {
      handler: this.#handler,
      maxBatch,
      bufferBytes,
      redelivery,
      logger,
      committer: committer(input, this.#consumer),
      prove: () => this.#prove(),
      proofAgeMs: times.heartbeatIntervalMs,
      setPaused: (paused) => this.#setPaused(partition, paused),
      before: this.#ending.get(partition) ?? Promise.resolve(),
      fail: (error) => this.#fail(error),
    })
  }

  /** A heartbeat, unless the last one was a moment ago. A rebalance on its way is no reason to stop: we join it in time. */
  async #prove(): Promise<void> {
    try {
      await this.#heartbeat()
    } catch (error) {
      if (isExpelled(error)) this.#loseAll()
      if (!isRebalancing(error)) throw kafkaError(this.#doing, error)
    }
  }

  #setPaused(partition: number, paused: boolean): void {
    const place = [{ topic: this.#options.topic, partitions: [partition] }]
    try {
      if (paused) this.#consumer.pause(place)
      else this.#consumer.resume(place)
    } catch (error) {
      // Between a crash and its restart the client has no group, and the next one starts with nothing paused.
      this.#ports.logger.info({ topic: this.#options.topic, partition, err: error }, 'no group to pause in')
    }
  }
}
