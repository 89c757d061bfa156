/** The bus on Apache Kafka: outputs and offsets in one transaction, so that a `read_committed` reader sees each frame's event once. */
import { SightlineError } from '../../errors/errors.ts'
import { type Logger, silentLogger } from '../../errors/logger.ts'
import type { Bus, Handler, MessageLimit, Publication, SubscribeOptions, Subscription } from '../bus.ts'
import { defaultMaxMessageBytes } from '../message-size.ts'
import { defaultRedelivery, type RedeliveryOptions } from '../redelivery.ts'
import { type KafkaAdmin, KafkaClients } from './kafka-client.ts'
import { OffsetCommitter, TransactionalCommitter } from './kafka-committer.ts'
import { isNoSuchGroup, kafkaError } from './kafka-errors.ts'
import { KafkaInspector } from './kafka-inspector.ts'
import { KafkaLimits } from './kafka-limits.ts'
import { type Compression, defaultKafkaTimes, type KafkaConnection, type KafkaTimes } from './kafka-options.ts'
import { KafkaPublisher } from './kafka-publisher.ts'
import { KafkaRouter } from './kafka-router.ts'
import { type SettleOptions, topicSettled } from './kafka-settled.ts'
import { KafkaSubscription } from './kafka-subscription.ts'
import { findTopic, topicsMissing } from './kafka-topics.ts'

export interface KafkaBusOptions extends KafkaConnection {
  /**
   * `at-least-once` saves the transaction (some 20 ms a batch); readers then see some outputs again after failures and
   * rebalances, with the same ids. @default 'exactly-once'
   */
  readonly delivery?: 'exactly-once' | 'at-least-once'
  /** By topic; what is read may be compressed in any way that Kafka knows. @default 'none' */
  readonly compression?: (topic: string) => Compression
  /** `max.message.bytes` by topic as it was planned; where a topic or its brokers take less, that counts. @default 8 MiB */
  readonly maxMessageBytes?: MessageLimit
  readonly redelivery?: Partial<RedeliveryOptions>
  readonly times?: Partial<KafkaTimes>
}

export class KafkaBus implements Bus {
  readonly maxMessageBytes: MessageLimit
  readonly #options: KafkaBusOptions
  readonly #logger: Logger
  readonly #times: KafkaTimes
  readonly #clients: KafkaClients
  readonly #inspector: KafkaInspector
  readonly #router: KafkaRouter
  readonly #publisher: KafkaPublisher
  readonly #compression: (topic: string) => Compression
  readonly #subscriptions = new Set<KafkaSubscription>()
  #admin: Promise<KafkaAdmin> | undefined
  #lookup: Promise<KafkaAdmin> | undefined
  #closing: Promise<void> | undefined

  /** Connects at the first use. */
  constructor(options: KafkaBusOptions) {
    this.#options = options
    this.#logger = options.logger ?? silentLogger
    this.#times = { ...defaultKafkaTimes, ...options.times }
    this.#compression = options.compression ?? (() => 'none')
    this.#clients = new KafkaClients(options, this.#times)
    this.#inspector = new KafkaInspector(this.#clients)
    const planned = options.maxMessageBytes ?? (() => defaultMaxMessageBytes)
    const limits = new KafkaLimits(this.#getLookup, planned, this.#logger)
    this.maxMessageBytes = limits.limitOf
    this.#router = new KafkaRouter(this.#getLookup, limits)
    this.#publisher = new KafkaPublisher(this.#clients, this.#router, this.#compression, this.#times.publishTimeoutMs)
  }

  async publish(messages: readonly Publication[]): Promise<void> {
    this.#assertOpen('publishing')
    await this.#publisher.publish(messages)
  }

  async subscribe(options: SubscribeOptions, handler: Handler): Promise<Subscription> {
    this.#assertOpen(`subscribing to ${options.topic}`)
    await this.#router.partitions(options.topic)
    const subscription = new KafkaSubscription(options, handler, {
      clients: this.#clients,
      admin: this.#getAdmin,
      inspector: this.#inspector,
      times: this.#times,
      redelivery: { ...defaultRedelivery, ...this.#options.redelivery },
      logger: this.#logger,
      committer: (input, consumer) =>
        this.#options.delivery === 'at-least-once'
          ? new OffsetCommitter(input, this.#publisher, this.#router, consumer)
          : new TransactionalCommitter(input, {
              clients: this.#clients,
              admin: this.#getAdmin,
              router: this.#router,
              compression: this.#compression,
              logger: this.#logger,
            }),
    })
    this.#subscriptions.add(subscription)
    try {
      await subscription.start()
      return subscription
    } catch (error) {
      await subscription[Symbol.asyncDispose]()
      this.#subscriptions.delete(subscription)
      throw kafkaError(`subscribing to ${options.topic} as group ${options.group}`, error)
    }
  }

  /** The id that the cluster was made with: what is kept outside of Kafka is kept for this cluster. @throws BUS_UNAVAILABLE */
  async clusterId(): Promise<string> {
    try {
      const { clusterId } = await (await this.#getAdmin()).describeCluster()
      return clusterId
    } catch (error) {
      throw kafkaError(`asking ${this.#options.brokers.join(', ')} for the cluster's id`, error)
    }
  }

  /**
   * For a service's start and its readiness: the brokers answer and have these topics. From then on it is known how large
   * their messages can be.
   *
   * @throws BUS_TOPIC_MISSING, BUS_UNAVAILABLE
   */
  async assertTopics(names: readonly string[]): Promise<void> {
    const admin = await this.#getLookup()
    const found = await Promise.all(names.map((name) => findTopic(admin, name)))
    const missing = names.filter((_, index) => found[index] === null)
    if (missing.length > 0) throw topicsMissing(missing)
    for (const name of names) await this.#router.partitions(name)
  }

  /**
   * Resolves when no message that is in the topic now is hidden by an open transaction, or when `stop` aborts. Some 20 s
   * where a process was killed in the midst of one, at once elsewhere.
   *
   * @throws BUS_TOPIC_MISSING, BUS_UNAVAILABLE
   */
  async settled(topic: string, options: SettleOptions): Promise<void> {
    await this.assertTopics([topic])
    await topicSettled(this.#clients, topic, this.#times.publishTimeoutMs, options)
  }

  /** Removes a group that was made for one reading, once it is left; it would be listed, with a lag, for a week. */
  async forgetGroup(group: string): Promise<void> {
    const admin = await this.#getAdmin()
    try {
      await admin.deleteGroups([group])
    } catch (error) {
      // Without a commit there is nothing to remove; a group that could not be left in time goes by itself.
      if (!isNoSuchGroup(error)) throw kafkaError(`removing group ${group}`, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription[Symbol.asyncDispose]()))
    await this.#publisher[Symbol.asyncDispose]()
    await this.#inspector[Symbol.asyncDispose]()
    await Promise.all([this.#admin, this.#lookup].map(async (admin) => (await admin)?.disconnect()))
  }

  #assertOpen(what: string): void {
    if (this.#closing !== undefined) throw new SightlineError('BUS_CLOSED', `${what}: the bus is closed`)
  }

  readonly #getAdmin = (): Promise<KafkaAdmin> => {
    this.#admin ??= this.#connectAdmin().catch((error: unknown) => {
      this.#admin = undefined
      throw error
    })
    return this.#admin
  }

  /**
   * For looking topics up. kafkajs 2.2.4 then forgets what it knows of all others, and whoever reads offsets by the same
   * admin at that moment is told of no partitions: a committed offset would be taken for none.
   */
  readonly #getLookup = (): Promise<KafkaAdmin> => {
    this.#lookup ??= this.#connectAdmin().catch((error: unknown) => {
      this.#lookup = undefined
      throw error
    })
    return this.#lookup
  }

  async #connectAdmin(): Promise<KafkaAdmin> {
    const admin = this.#clients.admin()
    try {
      await admin.connect()
      return admin
    } catch (error) {
      throw kafkaError(`connecting to ${this.#options.brokers.join(', ')}`, error)
    }
  }
}
