/** The largest message that each topic really takes: what was planned, or less where the topic or its brokers take less. */
import type { Logger } from '../../errors/logger.ts'
import type { MessageLimit } from '../bus.ts'
import { brokerResource, type KafkaAdmin, topicResource } from './kafka-client.ts'

/** Settings change seldom; a broker's refusal is learned from at once. */
const maxAgeMs = 60_000
/** What a request holds beside the messages of one partition: names, ids, lengths. */
const requestOverhead = 4 * 1024

export class KafkaLimits {
  /** As far as known: a topic is known once it was read from or written to. */
  readonly limitOf: MessageLimit = (topic) => Math.min(this.#planned(topic), this.#taken.get(topic) ?? Infinity)
  readonly #admin: () => Promise<KafkaAdmin>
  readonly #planned: MessageLimit
  readonly #logger: Logger
  readonly #taken = new Map<string, number>()
  readonly #readAt = new Map<string, number>()

  constructor(admin: () => Promise<KafkaAdmin>, planned: MessageLimit, logger: Logger) {
    this.#admin = admin
    this.#planned = planned
    this.#logger = logger
  }

  /** Asks the brokers, at most once a minute. Who may not ask (an access list) learns from refusals. Never rejects. */
  async learn(topic: string): Promise<void> {
    const age = performance.now() - (this.#readAt.get(topic) ?? -Infinity)
    if (age < maxAgeMs) return
    this.#readAt.set(topic, performance.now())
    try {
      this.#set(topic, await this.#read(topic))
    } catch (error) {
      this.#logger.info({ topic, err: error }, 'the largest message of the topic is not told: the planned one is taken')
    }
  }

  /** A broker refused a request of `count` messages, the largest of them of `bytes`. */
  async refused(topic: string, count: number, bytes: number): Promise<void> {
    const before = this.limitOf(topic)
    this.#readAt.delete(topic)
    await this.learn(topic)
    if (this.limitOf(topic) < before) return
    this.#set(topic, count === 1 ? Math.min(bytes, before) - 1 : Math.floor(before / 2))
  }

  #set(topic: string, limit: number): void {
    const before = this.#taken.get(topic)
    this.#taken.set(topic, limit)
    const planned = this.#planned(topic)
    if (limit >= planned || limit === before) return
    const text = `${topic} takes messages of at most ${limit} bytes, ${planned} were planned: larger ones are refused`
    this.#logger.warn({ topic, limit, planned }, text)
  }

  async #read(topic: string): Promise<number> {
    const admin = await this.#admin()
    const { brokers } = await admin.describeCluster()
    const request = brokers.map(({ nodeId }) => {
      return { type: brokerResource, name: String(nodeId), configNames: ['socket.request.max.bytes'] }
    })
    const own = { type: topicResource, name: topic, configNames: ['max.message.bytes'] }
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [own, ...request] })
    const limits = resources.flatMap(({ configEntries }) =>
      configEntries.map(({ configName, configValue }) => {
        return configName === 'max.message.bytes' ? Number(configValue) : Number(configValue) - requestOverhead
      }),
    )
    return Math.min(...limits.filter((limit) => limit > 0))
  }
}
