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

  /** Asks at once. Never rejects. */
  async relearn(topic: string): Promise<void> {
    this.#readAt.delete(topic)
    await this.learn(topic)
  }

  /** A broker refused a request of `count` messages, the largest of them of `bytes`. */
  async refused(topic: string, count: number, bytes: number): Promise<void> {
    const before = this.limitOf(topic)
    await this.relearn(topic)
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
