/**
 * The bus in one process: Kafka's semantics (partitions by key, groups with committed offsets, redelivery, bounded logs) in memory.
 * Nothing survives the process; the sources that publish must be able to start again.
 */
import { SightlineError } from '../../errors/errors.ts'
import { type Logger, silentLogger } from '../../errors/logger.ts'
import type { Bus, Handler, MessageLimit, Publication, SubscribeOptions, Subscription } from '../bus.ts'
import { assertMessageSize, defaultMaxMessageBytes } from '../message-size.ts'
import { partitioner } from '../partitioner.ts'
import { defaultRedelivery, type RedeliveryOptions } from '../redelivery.ts'
import { type Entry, MemoryAdmission } from './memory-admission.ts'
import { type Member, MemoryGroup } from './memory-group.ts'
import { MemoryLog, type Retention } from './memory-log.ts'

export interface MemoryBusOptions {
  /** Partitions of a topic: as many batches of it are processed at a time. @default 4 */
  readonly partitions?: number
  /** Partition counts of single topics, by name. */
  readonly topics?: Readonly<Record<string, number>>
  /**
   * Messages in a partition that a present group has not committed, from which on `publish` waits. @default 64
   *
   * Topics must not form a circle (a stage's output feeding an earlier stage), or full logs wait for each other;
   * a handler that publishes to its own input topic is not held back.
   */
  readonly capacity?: number
  /** Kept per partition for groups that are absent or still to come; older messages are dropped. @default 256 messages, 64 MiB */
  readonly retention?: Retention
  /** @default 8 MiB for every topic */
  readonly maxMessageBytes?: MessageLimit
  readonly redelivery?: Partial<RedeliveryOptions>
  readonly logger?: Logger
  readonly now?: () => number
}

const defaultPartitions = 4
const defaultCapacity = 64
const defaultRetention: Retention = { messages: 256, bytes: 64 * 1024 * 1024 }

interface MemoryTopic {
  readonly logs: readonly MemoryLog[]
  readonly groups: Map<string, MemoryGroup>
}

export class MemoryBus implements Bus {
  readonly maxMessageBytes: MessageLimit
  readonly #options: MemoryBusOptions
  readonly #redelivery: RedeliveryOptions
  readonly #now: () => number
  readonly #topics = new Map<string, MemoryTopic>()
  readonly #subscriptions = new Set<Subscription>()
  readonly #admission: MemoryAdmission
  readonly #partitionOf = partitioner()
  #closed = false

  constructor(options: MemoryBusOptions = {}) {
    this.#options = options
    this.maxMessageBytes = options.maxMessageBytes ?? (() => defaultMaxMessageBytes)
    this.#redelivery = { ...defaultRedelivery, ...options.redelivery }
    this.#now = options.now ?? Date.now
    this.#admission = new MemoryAdmission(options.capacity ?? defaultCapacity, (entries) => this.#append(entries))
  }

  async publish(messages: readonly Publication[]): Promise<void> {
    this.#assertOpen('publishing')
    const entries = this.#address(messages)
    if (entries.length > 0) await this.#admission.enter(entries)
  }

  async subscribe(options: SubscribeOptions, handler: Handler): Promise<Subscription> {
    this.#assertOpen(`subscribing to ${options.topic}`)
    const group = this.#group(options)
    const { promise: closed, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      this.#subscriptions.delete(subscription)
      return group.leave(member)
    }
    const member: Member = {
      options,
      handler,
      leaving: new AbortController(),
      running: new Set(),
      fail: (error) => {
        reject(error)
        void leave()
      },
    }
    const subscription: Subscription = {
      closed,
      lag: async () => group.lag(member),
      oldest: () => group.oldest(member),
      lost: () => group.lost(member),
      troubles: () => [],
      [Symbol.asyncDispose]: async () => {
        await leave()
        resolve()
      },
    }
    this.#subscriptions.add(subscription)
    group.join(member)
    return subscription
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#admission.close(closedError('publishing'))
    await Promise.all([...this.#subscriptions].map((subscription) => subscription[Symbol.asyncDispose]()))
  }

  #assertOpen(what: string): void {
    if (this.#closed) throw closedError(what)
  }

  #topic(name: string): MemoryTopic {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const length = this.#options.topics?.[name] ?? this.#options.partitions ?? defaultPartitions
    const retention = this.#options.retention ?? defaultRetention
    const logs = Array.from({ length }, (_, partition) => new MemoryLog(name, partition, retention))
    const topic = { logs, groups: new Map<string, MemoryGroup>() }
    this.#topics.set(name, topic)
    return topic
  }

  #group({ topic: name, group: groupName, from }: SubscribeOptions): MemoryGroup {
    const topic = this.#topic(name)
    const known = topic.groups.get(groupName)
    if (known !== undefined) return known
    const group = new MemoryGroup(groupName, topic.logs, from ?? 'oldest', {
      redelivery: this.#redelivery,
      logger: this.#options.logger ?? silentLogger,
      commit: (outputs, input, hurry, advance) =>
        this.#admission.enter(this.#address(outputs), { from: input, hurry, advance }),
      onCommitted: () => this.#admission.pass(),
    })
    topic.groups.set(groupName, group)
    return group
  }

  #address(messages: readonly Publication[]): readonly Entry[] {
    return messages.map((message) => {
      assertMessageSize(message, this.maxMessageBytes)
      const { logs } = this.#topic(message.topic)
      return { log: logs[this.#partitionOf(message.topic, message.key, logs.length)]!, message }
    })
  }

  #append(entries: readonly Entry[]): void {
    for (const { log, message } of entries) log.append(message, this.#now())
    for (const name of new Set(entries.map((entry) => entry.log.topic))) {
      for (const group of this.#topic(name).groups.values()) group.wake()
    }
  }
}

function closedError(what: string): SightlineError {
  return new SightlineError('BUS_CLOSED', `${what}: the bus is closed`)
}
