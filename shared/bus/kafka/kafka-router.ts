/** Where messages go: knows the partition counts of topics, and refuses what no broker would take before anything is sent. */
import type { Publication } from '../bus.ts'
import { assertMessageSize, messageBytes } from '../message-size.ts'
import { partitioner } from '../partitioner.ts'
import { type KafkaAdmin, metadataMaxAgeMs } from './kafka-client.ts'
import type { KafkaLimits } from './kafka-limits.ts'
import { type PartitionSend, toSends } from './kafka-messages.ts'
import { findTopic, topicsMissing } from './kafka-topics.ts'

interface KnownTopic {
  readonly partitions: number
  readonly expires: number
}

export class KafkaRouter {
  readonly #admin: () => Promise<KafkaAdmin>
  readonly #limits: KafkaLimits
  readonly #partitionOf = partitioner()
  readonly #topics = new Map<string, KnownTopic>()

  constructor(admin: () => Promise<KafkaAdmin>, limits: KafkaLimits) {
    this.#admin = admin
    this.#limits = limits
  }

  /** @throws BUS_MESSAGE_TOO_LARGE */
  assertSizes(messages: readonly Publication[]): void {
    for (const message of messages) assertMessageSize(message, this.#limits.limitOf)
  }

  /** A broker refused what was sent to `topic`, among it `messages`: from now on less is sent at a time. */
  async refused(topic: string, messages: readonly Publication[]): Promise<void> {
    const own = messages.filter((message) => message.topic === topic)
    await this.#limits.refused(topic, own.length, Math.max(...own.map(messageBytes)))
  }

  /** Some of the messages were refused for their size: what their topics take may have changed. */
  async relearn(messages: readonly Publication[]): Promise<void> {
    for (const topic of new Set(messages.map((message) => message.topic))) await this.#limits.relearn(topic)
  }

  /** @throws BUS_TOPIC_MISSING, BUS_MESSAGE_TOO_LARGE, BUS_UNAVAILABLE */
  async route(messages: readonly Publication[]): Promise<readonly PartitionSend[]> {
    for (const topic of new Set(messages.map((message) => message.topic))) await this.partitions(topic)
    this.assertSizes(messages)
    const partitionOf = ({ topic, key }: Publication) =>
      this.#partitionOf(topic, key, this.#topics.get(topic)!.partitions)
    return toSends(messages, partitionOf, this.#limits.limitOf)
  }

  /** @throws BUS_TOPIC_MISSING, BUS_UNAVAILABLE */
  async partitions(topic: string): Promise<number> {
    const known = this.#topics.get(topic)
    if (known !== undefined && known.expires > performance.now()) return known.partitions
    const found = await findTopic(await this.#admin(), topic)
    if (found === null) throw topicsMissing([topic])
    await this.#limits.learn(topic)
    this.#topics.set(topic, { partitions: found.partitions, expires: performance.now() + metadataMaxAgeMs })
    return found.partitions
  }
}
