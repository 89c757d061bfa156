/** A subscription to a topic: shares out what its member of the group fetches, outlives the topic itself, and ends aloud when it can't go on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '../../errors/errors.ts'
import type { Logger } from '../../errors/logger.ts'
import type { Handler, SubscribeOptions, Subscription } from '../bus.ts'
import type { RedeliveryOptions } from '../redelivery.ts'
import type { FetchedBatch, KafkaAdmin, KafkaClients, KafkaConsumer } from './kafka-client.ts'
import { type Committer, type InputPartition, isOwnOffset } from './kafka-committer.ts'
import { isMissingTopic, kafkaError } from './kafka-errors.ts'
import type { KafkaInspector, LogRange, TopicAnswer } from './kafka-inspector.ts'
import { KafkaMember } from './kafka-member.ts'
import { toDelivery } from './kafka-messages.ts'
import type { KafkaTimes } from './kafka-options.ts'
import { KafkaPartition } from './kafka-partition.ts'
import { KafkaPlaces } from './kafka-places.ts'
import { topicsMissing } from './kafka-topics.ts'
import { KafkaWatch } from './kafka-watch.ts'

export interface SubscriptionPorts {
  readonly clients: KafkaClients
  readonly admin: () => Promise<KafkaAdmin>
  readonly inspector: KafkaInspector
  readonly times: KafkaTimes
  readonly redelivery: RedeliveryOptions
  readonly logger: Logger
  readonly committer: (input: InputPartition, consumer: KafkaConsumer) => Committer
}

const bufferBytes = 8 * 1024 * 1024
/** A broker that has just started may not know a topic yet; what is away at so many looks is gone. */
const looksUntilGone = 2
/** How often a topic that is gone is looked for, in ms. */
const lookForMs = 500
/** Before where a partition starts is asked again, in ms. */
const placeAgainMs = 200

export class KafkaSubscription implements Subscription {
  readonly closed: Promise<void>
  readonly #options: SubscribeOptions
  readonly #handler: Handler
  readonly #ports: SubscriptionPorts
  readonly #partitions = new Map<number, KafkaPartition>()
  /** Partitions that were taken away while something was at work. */
  readonly #ending = new Map<number, Promise<void>>()
  readonly #places = new KafkaPlaces()
  /** Offsets by partition that were committed to an earlier topic of this name. */
  readonly #former = new Map<number, bigint>()
  readonly #settle = Promise.withResolvers<void>()
  readonly #end = new AbortController()
  #watch: KafkaWatch | undefined
  #member: KafkaMember | undefined
  #memberId = ''
  #assigned: readonly number[] = []
  #placing: Promise<void> = Promise.resolve()
  /** The topic that is read. */
  #topic: TopicAnswer | undefined
  /** Its partitions when the reading began. */
  #known: number | undefined
  /** Looks at which it was not there. */
  #absent = 0
  #isGone = false
  #lastSign = performance.now()
  #silence: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(options: SubscribeOptions, handler: Handler, ports: SubscriptionPorts) {
    this.#options = options
    this.#handler = handler
    this.#ports = ports
    this.closed = this.#settle.promise
  }

  /** Joins the group; resolves with the first assignment. */
  async start(): Promise<void> {
    const { topic, from = 'oldest' } = this.#options
    const { inspector, logger, times } = this.#ports
    this.#topic = (await inspector.topic(topic)) ?? undefined
    if (this.#topic === undefined) throw topicsMissing([topic])
    this.#watch = new KafkaWatch(topic, {
      inspector,
      logger,
      places: this.#places,
      everyMs: times.watchMs,
      isBuffered: (partition) => this.#partitions.get(partition)?.oldest !== undefined,
      found: (found) => this.#found(found),
    })
    this.#silence = setInterval(() => this.#assertSign(), times.silenceTimeoutMs / 4)
    await this.#join(from)
  }

  async lag(): Promise<number> {
    if (this.#isGone) return 0
    await this.#placing
    const { inspector } = this.#ports
    const topic = await inspector.topic(this.#options.topic)
    if (topic === null) return 0
    let lag = 0n
    for (const [partition, { low, high }] of await inspector.logs(topic, this.#assigned)) {
      const reached = this.#partitions.get(partition)?.oldest?.offset ?? this.#places.next(partition) ?? low
      const from = reached < low ? low : reached
      if (high > from) lag += high - from
    }
    return Number(lag)
  }

  oldest(): number | null {
    const times = this.#assigned.flatMap((partition) => {
      return this.#partitions.get(partition)?.oldest?.timestamp ?? this.#places.unreadSince(partition) ?? []
    })
    return times.length === 0 ? null : Math.min(...times)
  }

  lost(): number {
    return this.#watch?.lost ?? 0
  }

  troubles(): readonly string[] {
    const gone = this.#isGone ? [`the topic ${this.#options.topic} is gone`] : []
    return [...gone, ...(this.#watch?.troubles() ?? [])]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
    this.#settle.resolve()
  }

  get #doing(): string {
    return `consuming ${this.#options.topic} as group ${this.#options.group}`
  }

  async #close(): Promise<void> {
    this.#end.abort()
    clearInterval(this.#silence)
    this.#watch?.[Symbol.dispose]()
    // Still a member: what is at work can be committed.
    await Promise.all([...this.#partitions.values()].map((partition) => partition.drain()))
    await Promise.all(this.#ending.values())
    await this.#member?.leave()
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

  async #join(from: 'oldest' | 'newest'): Promise<void> {
    const { clients, logger } = this.#ports
    const { group, topic } = this.#options
    /** A former member may still have something to say. */
    const now = <Arguments extends readonly unknown[]>(act: (...args: Arguments) => void) => {
      return (...args: Arguments): void => {
        if (this.#member === member) act(...args)
      }
    }
    const member: KafkaMember = new KafkaMember(
      clients,
      { group, topic, from, logger },
      {
        joined: now((memberId, partitions) => this.#joined(member, from, memberId, partitions)),
        alive: now(() => this.#seen()),
        lostAll: now(() => this.#loseAll()),
        began: now((partition, first) => this.#began(partition, first)),
        reached: now((partition, next) => this.#places.reached(partition, next)),
        take: (batch) => this.#member === member && this.#take(member, batch),
        missing: now(() => void this.#leaveTopic()),
        failed: now((error) => this.#fail(error)),
      },
    )
    this.#member = member
    await member.start(this.closed)
  }

  #seen(): void {
    this.#lastSign = performance.now()
  }

  /** @returns whether it is the topic that is read */
  #found(topic: TopicAnswer | null): boolean {
    if (this.#isGone || this.#closing !== undefined) return false
    this.#absent = topic === null ? this.#absent + 1 : 0
    const isOther = topic !== null && topic.id !== this.#topic!.id
    if (isOther || this.#absent >= looksUntilGone) void this.#leaveTopic()
    if (topic === null || isOther) return false
    this.#topic = topic
    return true
  }

  /** Leaves a topic that is gone, waits for the next one of its name, and reads that from its beginning. Never rejects. */
  async #leaveTopic(): Promise<void> {
    if (this.#isGone) return
    this.#isGone = true
    const { topic, from = 'oldest' } = this.#options
    const { logger } = this.#ports
    logger.warn({ topic }, 'the topic is gone: waiting for it')
    const [former, member] = [this.#topic!, this.#member]
    this.#member = undefined
    this.#loseAll()
    this.#assigned = []
    await Promise.all([member?.leave(), ...this.#ending.values()])
    try {
      const next = await this.#returned()
      if (next === null) return
      const isOther = next.id !== former.id || next.id === null
      logger.warn({ topic }, isOther ? 'the topic was made again: reading it from its beginning' : 'the topic is back')
      this.#topic = next
      this.#known = undefined
      this.#absent = 0
      this.#isGone = false
      await this.#join(isOther ? 'oldest' : from)
    } catch (error) {
      if (isMissingTopic(error)) await this.#leaveTopic()
      else this.#fail(kafkaError(this.#doing, error))
    }
  }

  /** The topic once it is there; null where the subscription ends before. */
  async #returned(): Promise<TopicAnswer | null> {
    const { inspector, logger } = this.#ports
    const { topic } = this.#options
    while (!this.#end.signal.aborted) {
      try {
        const found = await inspector.topic(topic)
        this.#seen()
        if (found !== null) return found
      } catch (error) {
        logger.info({ topic, err: error }, 'looking for the topic failed')
      }
      await sleep(lookForMs, undefined, { signal: this.#end.signal }).catch(() => undefined)
    }
    return null
  }

  /** A partition that stays keeps its producer, its buffer and what is at work; others start anew. */
  #joined(member: KafkaMember, from: 'oldest' | 'newest', memberId: string, partitions: readonly number[]): void {
    this.#seen()
    this.#assigned = partitions
    // Under a new name we were out of the group, and others may have had all partitions in between.
    if (memberId !== this.#memberId) this.#loseAll()
    this.#memberId = memberId
    for (const partition of this.#partitions.keys()) if (!partitions.includes(partition)) this.#lose(partition)
    for (const partition of this.#places.partitions())
      if (!partitions.includes(partition)) this.#places.close(partition)
    // kafkajs goes to the end or the beginning, without a word, where an offset is none of the log's.
    for (const partition of partitions) if (!this.#places.has(partition)) member.setPaused(partition, true)
    this.#placing = this.#place(member, from)
  }

  /** A fetch that begins behind the one before has jumped: over what was deleted, or over what a compacted topic left out. */
  #began(partition: number, first: bigint): void {
    const next = this.#places.next(partition)
    if (next === undefined || first <= next) return
    const { inspector, logger } = this.#ports
    inspector.logs(this.#topic!, [partition]).then(
      (ranges) => {
        const low = ranges.get(partition)?.low ?? next
        const end = low < first ? low : first
        if (end > next) this.#watch!.lose(partition, Number(end - next))
      },
      (err: unknown) =>
        logger.info({ topic: this.#topic!.name, partition, err }, 'a gap in the offsets, not explained'),
    )
  }

  #loseAll(): void {
    for (const partition of this.#partitions.keys()) this.#lose(partition)
    for (const partition of this.#places.partitions()) this.#places.close(partition)
  }

  #lose(partition: number): void {
    this.#ending.set(partition, this.#partitions.get(partition)!.lose())
    this.#partitions.delete(partition)
    this.#places.close(partition)
    this.#member?.setPaused(partition, false)
  }

  /** Finds out where the new ones of the assigned partitions start; they are not fetched before. Never rejects. */
  async #place(member: KafkaMember, from: 'oldest' | 'newest'): Promise<void> {
    const { topic } = this.#options
    const isOurs = () => this.#member === member && this.#closing === undefined
    while (isOurs()) {
      const fresh = this.#assigned.filter((partition) => !this.#places.has(partition))
      if (fresh.length === 0) return
      try {
        await this.#placeAll(member, from, fresh, isOurs)
        continue
      } catch (error) {
        this.#ports.logger.info({ topic, err: error }, 'finding where partitions start failed, trying again')
      }
      await sleep(placeAgainMs, undefined, { signal: this.#end.signal }).catch(() => undefined)
    }
  }

  async #placeAll(
    member: KafkaMember,
    from: 'oldest' | 'newest',
    partitions: readonly number[],
    isOurs: () => boolean,
  ): Promise<void> {
    const { group, topic } = this.#options
    const { inspector, admin } = this.#ports
    const found = await inspector.topic(topic)
    if (!this.#found(found) || found === null) throw topicsMissing([topic])
    const ranges = await inspector.logs(found, partitions)
    const [offsets] = await (await admin()).fetchOffsets({ groupId: group, topics: [topic] })
    for (const partition of partitions) {
      const [range, offset] = [ranges.get(partition), offsets!.partitions.find((one) => one.partition === partition)]
      if (range === undefined || offset === undefined) throw new Error(`partition ${partition} has no leader yet`)
      if (!isOurs() || !this.#assigned.includes(partition) || this.#places.has(partition)) continue
      this.#placeOne(member, from, partition, range, offset)
    }
  }

  /** Kafka keeps no trace in an offset of the topic that it belonged to: ours tell it, and no log ends before its offsets. */
  #placeOne(
    member: KafkaMember,
    from: 'oldest' | 'newest',
    partition: number,
    range: LogRange,
    committed: { readonly offset: string; readonly metadata: string | null },
  ): void {
    const offset = BigInt(committed.offset)
    const topicId = this.#topic!.id
    const isFormer = offset > range.high || !isOwnOffset({ topicId, former: null }, committed)
    if (isFormer) this.#former.set(partition, offset)
    else this.#former.delete(partition)
    this.#known ??= this.#topic!.leaders.size
    // All that is in a partition that came while we read is new, whatever a new group asked for.
    const isAdded = partition >= this.#known
    if (offset >= 0n && !isFormer) {
      this.#places.open(partition, offset < range.low ? range.low : offset)
      if (offset < range.low) this.#watch!.lose(partition, Number(range.low - offset))
    } else if (from === 'newest' && !isFormer && !isAdded) {
      this.#places.open(partition, range.stable)
    } else {
      this.#places.open(partition, range.low)
      if (isFormer || from === 'newest') member.seek(partition, range.low)
    }
    member.setPaused(partition, false)
  }

  /** @returns whether it was taken */
  #take(member: KafkaMember, { batch }: FetchedBatch): boolean {
    if (this.#closing !== undefined || !this.#places.has(batch.partition)) return false
    const known = this.#partitions.get(batch.partition)
    const partition = known ?? this.#open(member, batch.partition)
    this.#partitions.set(batch.partition, partition)
    partition.add(batch.messages.map((message) => toDelivery(batch.topic, batch.partition, message)))
    return true
  }

  #open(member: KafkaMember, partition: number): KafkaPartition {
    const { group, topic, maxBatch } = this.#options
    const input = { group, topic, partition, topicId: this.#topic!.id, former: this.#former.get(partition) ?? null }
    const { redelivery, logger, committer, times } = this.#ports
    return new KafkaPartition(input, {
      handler: this.#handler,
      maxBatch,
      bufferBytes,
      redelivery,
      logger,
      committer: committer(input, member.consumer),
      prove: () => member.prove(),
      confirm: () => this.#confirm(input.topicId),
      proofAgeMs: times.heartbeatIntervalMs,
      setPaused: (paused) => member.setPaused(partition, paused),
      before: this.#ending.get(partition) ?? Promise.resolve(),
      fail: (error) => this.#fail(error),
    })
  }

  /** Asks the brokers: a topic can be made again within a moment, and what was read of one is not committed to another. */
  async #confirm(topicId: string | null): Promise<void> {
    const found = await this.#ports.inspector.topic(this.#options.topic)
    if (found !== null && found.id === topicId) return
    void this.#watch!.look()
    const message = `${this.#doing}: the topic was deleted while its messages were at work`
    throw new SightlineError('BUS_TOPIC_MISSING', message, { retryable: true })
  }
}
