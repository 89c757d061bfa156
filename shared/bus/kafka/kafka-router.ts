/** Where messages go: knows the partition counts of topics, and refuses what no broker would take before anything is sent. */
import type { MessageLimit, Publication } from '../bus.ts'
import { assertMessageSize } from '../message-size.ts'
import { partitioner } from '../partitioner.ts'
import { type KafkaAdmin, metadataMaxAgeMs } from './kafka-client.ts'
import { type PartitionSend, toSends } from './kafka-messages.ts'
import { findTopic, topicsMissing } from './kafka-topics.ts'

interface KnownTopic {
  readonly partitions: number
  readonly expires: number
}

export class KafkaRouter {
  readonly #admin: () => Promise<KafkaAdmin>
  readonly #limitOf: MessageLimit
  readonly #partitionOf = partitioner()
  readonly #topics = new Map<string, KnownTopic>()

  constructor(admin: () => Promise<KafkaAdmin>, limitOf: MessageLimit) {
    this.#admin = admin
    this.#limitOf = limitOf
  }

  /** @throws BUS_MESSAGE_TOO_LARGE */
  assertSizes(messages: readonly Publication[]): void {
    for (const message of messages) assertMessageSize(message, this.#limitOf)
  }

  /** @throws BUS_TOPIC_MISSING, BUS_UNAVAILABLE */
  async route(messages: readonly Publication[]): Promise<readonly PartitionSend[]> {
    for (const topic of new Set(messages.map((message) => message.topic))) await this.partitions(topic)
    const partitionOf = ({ topic, key }: Publication) =>
      this.#partitionOf(topic, key, this.#topics.get(topic)!.partitions)
    return toSends(messages, partitionOf, this.#limitOf)
  }

  /** @throws BUS_TOPIC_MISSING, BUS_UNAVAILABLE */
  async partitions(topic: string): Promise<number> {
    const known = this.#topics.get(topic)
    if (known !== undefined && known.expires > performance.now()) return known.partitions
    const found = await findTopic(await this.#admin(), topic)
    if (found === null) throw topicsMissing([topic])
    this.#topics.set(topic, { partitions: found.partitions, expires: performance.now() + metadataMaxAgeMs })
    return found.partitions
  }
}
