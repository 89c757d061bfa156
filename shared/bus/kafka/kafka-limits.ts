/** The largest message that each topic really takes: what was planned, or less where the topic or its brokers take less. */
import type { Logger } from '../../errors/logger.ts'
import type { MessageLimit } from '../bus.ts'
import { brokerResource, type KafkaAdmin, topicResource } from './kafka-client.ts'
import type { Compression } from './kafka-options.ts'

/** Settings change seldom; a broker's refusal is learned from at once. */
const maxAgeMs = 60_000
/** What a request holds beside the messages of one partition: names, ids, lengths. */
const requestOverhead = 4 * 1024

interface Learned {
  readonly limit: number
  /** Compressed messages of one size need not be alike, and settings change: it is tried again. */
  readonly expires: number
}

export class KafkaLimits {
  /** Of one message, as far as known: a topic is known once it was read from or written to. Compressed, more may fit. */
  readonly limitOf: MessageLimit = (topic) =>
    this.#compression(topic) === 'none' ? this.batchLimitOf(topic) : this.#unread(topic)
  /** Of messages that go together. */
  readonly batchLimitOf: MessageLimit = (topic) => Math.min(this.#unread(topic), this.#told.get(topic) ?? Infinity)
  readonly #admin: () => Promise<KafkaAdmin>
  readonly #planned: MessageLimit
  readonly #compression: (topic: string) => Compression
  readonly #logger: Logger
  /** What the settings say. */
  readonly #told = new Map<string, number>()
  readonly #toldAt = new Map<string, number>()
  readonly #learned = new Map<string, Learned>()

  constructor(
    admin: () => Promise<KafkaAdmin>,
    planned: MessageLimit,
    compression: (topic: string) => Compression,
    logger: Logger,
  ) {
    this.#admin = admin
    this.#planned = planned
    this.#compression = compression
    this.#logger = logger
  }

  /** Asks the brokers, at most once a minute. Who may not ask (an access list) learns from refusals. Never rejects. */
  async learn(topic: string): Promise<void> {
    const age = performance.now() - (this.#toldAt.get(topic) ?? -Infinity)
    if (age < maxAgeMs) return
    this.#toldAt.set(topic, performance.now())
    try {
      const [limit, before, planned] = [await this.#read(topic), this.#told.get(topic), this.#planned(topic)]
      this.#told.set(topic, limit)
      if (limit >= planned || limit === before) return
      const text = `${topic} takes messages of at most ${limit} bytes, ${planned} were planned: larger ones are refused`
      this.#logger.warn({ topic, limit, planned }, text)
    } catch (error) {
      this.#logger.info({ topic, err: error }, 'the largest message of the topic is not told: the planned one is taken')
    }
  }

  /** Asks at once. Never rejects. */
  async relearn(topic: string): Promise<void> {
    this.#toldAt.delete(topic)
    await this.learn(topic)
  }

  /** A broker refused a request of `count` messages, the largest of them of `bytes`. Never rejects. */
  async refused(topic: string, count: number, bytes: number): Promise<void> {
    const before = this.limitOf(topic)
    await this.relearn(topic)
    if (this.limitOf(topic) < before) return
    const isLargest = count === 1 || this.#compression(topic) !== 'none'
    const limit = isLargest ? Math.min(bytes, before) - 1 : Math.floor(before / 2)
    this.#learned.set(topic, { limit, expires: performance.now() + maxAgeMs })
    this.#logger.warn(
      { topic, limit },
      `${topic} refused a message: larger ones than ${limit} bytes are refused for now`,
    )
  }

  /** What was planned, or a refusal taught. */
  #unread(topic: string): number {
    const learned = this.#learned.get(topic)
    const isFresh = learned !== undefined && learned.expires > performance.now()
    return Math.min(this.#planned(topic), isFresh ? learned.limit : Infinity)
  }

  /** What can be read of both; a deployment may be allowed to see its topics' settings, but not the brokers'. */
  async #read(topic: string): Promise<number> {
    const admin = await this.#admin()
    const ofTopic = readNumbers(admin, [{ type: topicResource, name: topic, configNames: ['max.message.bytes'] }])
    const ofBrokers = admin.describeCluster().then(({ brokers }) => {
      const configNames = ['socket.request.max.bytes']
      return readNumbers(
        admin,
        brokers.map(({ nodeId }) => ({ type: brokerResource, name: String(nodeId), configNames })),
      )
    })
    const [own, sockets] = await Promise.allSettled([ofTopic, ofBrokers])
    if (own.status === 'rejected' && sockets.status === 'rejected') throw own.reason
    const requests = sockets.status === 'fulfilled' ? sockets.value.map((bytes) => bytes - requestOverhead) : []
    return Math.min(...(own.status === 'fulfilled' ? own.value : []), ...requests)
  }
}

type Resources = Parameters<KafkaAdmin['describeConfigs']>[0]['resources']

async function readNumbers(admin: KafkaAdmin, resources: Resources): Promise<readonly number[]> {
  const answer = await admin.describeConfigs({ includeSynonyms: false, resources })
  const values = answer.resources.flatMap(({ configEntries }) => configEntries.map(({ configValue }) => configValue))
  return values.map(Number).filter((value) => value > 0)
}
