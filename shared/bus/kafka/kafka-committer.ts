/** How the outputs and the offset of one input partition become durable: as one transaction, or one after the other. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../errors/logger.ts'
import type { Publication } from '../bus.ts'
import {
  compressionType,
  type KafkaAdmin,
  type KafkaClients,
  type KafkaConsumer,
  type Transaction,
  type TransactionalProducer,
} from './kafka-client.ts'
import { isConcurrent, isTooLarge, kafkaError } from './kafka-errors.ts'
import type { Compression } from './kafka-options.ts'
import type { KafkaPublisher } from './kafka-publisher.ts'
import type { KafkaRouter } from './kafka-router.ts'

/** One input partition of one group. */
export interface InputPartition {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The topic's id: it tells a topic from a later one of the same name. Null where the brokers give none. */
  readonly topicId: string | null
  /** An offset that was committed to an earlier topic of this name, and is of no meaning here; null where there is none. */
  readonly former: bigint | null
}

/** Kept with a committed offset: a topic that was made again has other messages at the same offsets. */
const idMark = 'topic-id='

export const offsetMetadata = ({ topicId }: Pick<InputPartition, 'topicId'>): string =>
  topicId === null ? '' : `${idMark}${topicId}`

/** The topic that an offset was committed to; null where it was not told. */
export const topicIdOf = (metadata: string | null): string | null =>
  metadata?.startsWith(idMark) ? metadata.slice(idMark.length) : null

/** Whether an offset was committed to the topic that is read now. */
export function isOwnOffset(
  { topicId, former }: Pick<InputPartition, 'topicId' | 'former'>,
  { offset, metadata }: { readonly offset: string; readonly metadata: string | null },
): boolean {
  const told = topicIdOf(metadata)
  return told === null || topicId === null ? BigInt(offset) !== former : told === topicId
}

export interface Committer extends AsyncDisposable {
  /**
   * Takes over the partition; again after every error.
   *
   * @returns the first offset that is not committed; negative where nothing is known to be committed
   */
  begin(): Promise<bigint>
  /**
   * Makes the outputs visible and `next` the first offset that is not committed, unless `confirm` rejects. After an error
   * the outcome is unknown: begin again.
   */
  commit(outputs: readonly Publication[], next: bigint, confirm: () => Promise<void>): Promise<void>
}

/**
 * Exactly once for `read_committed` readers: one transactional id per input partition, so that only its newest holder can
 * move the partition's offset. It needs the order fence, then read the committed offset, then work:
 *
 * - InitProducerId ends the former holder's transaction before it answers, so an offset read after it is final.
 * - kafkajs fences only with the first `transaction()`; its `connect()` does not.
 * - A failed commit may have happened, and its producer can't be used again: a new one finds out.
 *
 * After P. Hunt et al., KIP-98 (Exactly Once Delivery and Transactional Messaging), without KIP-447's group metadata,
 * which one id per partition makes unnecessary.
 */
export class TransactionalCommitter implements Committer {
  readonly #input: InputPartition
  readonly #ports: TransactionPorts
  #producer: TransactionalProducer | undefined

  constructor(input: InputPartition, ports: TransactionPorts) {
    this.#input = input
    this.#ports = ports
  }

  async begin(): Promise<bigint> {
    const { group, topic, partition } = this.#input
    try {
      // What failed is not used again. Not awaited: a producer whose broker is away takes its time to close.
      this.#producer?.retire()
      void this[Symbol.asyncDispose]()
      const producer = this.#ports.clients.transactionalProducer(`${group}/${topic}/${partition}`)
      this.#producer = producer
      await producer.connect()
      await (await producer.transaction()).abort()
      const admin = await this.#ports.admin()
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      const committed = offsets!.partitions.find((entry) => entry.partition === partition)
      // Where nothing is committed the answer is -1. No answer is none: taken for -1, it would double what is published already.
      if (committed === undefined) throw new Error('the answer lacks the partition')
      return isOwnOffset(this.#input, committed) ? BigInt(committed.offset) : -1n
    } catch (error) {
      this.#producer?.retire()
      throw kafkaError(`taking over partition ${partition} of ${topic} for group ${group}`, error)
    }
  }

  async commit(outputs: readonly Publication[], next: bigint, confirm: () => Promise<void>): Promise<void> {
    const { group, topic, partition } = this.#input
    const { router, compression } = this.#ports
    const sends = await router.route(outputs)
    let sending = ''
    const send = async (transaction: Transaction): Promise<void> => {
      for (const { topic: output, messages } of sends) {
        const type = compressionType(compression(output))
        sending = output
        await transaction.send({ topic: output, messages: [...messages], acks: -1, compression: type })
      }
      const place = { partition, offset: String(next), metadata: offsetMetadata(this.#input) }
      const offsets = [{ topic, partitions: [place] }]
      await patiently(() => transaction.sendOffsets({ consumerGroupId: group, topics: offsets }))
    }
    try {
      const transaction = await this.#producer!.transaction()
      // Side by side: until the transaction ends, nothing is said.
      await Promise.all([send(transaction), confirm()])
      await transaction.commit()
    } catch (error) {
      if (isTooLarge(error)) await router.refused(sending, outputs)
      throw kafkaError(`committing group ${group} to ${topic}-${partition}-${next}`, error)
    }
  }

  /** Never rejects: a connection that can't be closed in order is gone already. */
  async [Symbol.asyncDispose](): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.disconnect().catch((error: unknown) => {
      this.#ports.logger.info({ ...this.#input, err: error }, 'closing a producer failed')
    })
  }
}

/** kafkajs waits for the end of the transaction before when it sends records, but not when it sends offsets. */
async function patiently(send: () => Promise<void>): Promise<void> {
  for (let wait = 5; ; wait *= 2) {
    try {
      await send()
      return
    } catch (error) {
      if (!isConcurrent(error) || wait > longestWaitMs) throw error
    }
    await sleep(wait)
  }
}

/** Markers are written within some 10 ms; a busy broker takes a few times longer. */
const longestWaitMs = 1_000

export interface TransactionPorts {
  readonly clients: KafkaClients
  readonly admin: () => Promise<KafkaAdmin>
  readonly router: KafkaRouter
  readonly compression: (topic: string) => Compression
  readonly logger: Logger
}

/**
 * At least once: outputs, then the offset. Saves the transaction; whoever reads the outputs sees some of them
 * again after a failure or a rebalance.
 */
export class OffsetCommitter implements Committer {
  readonly #input: InputPartition
  readonly #publisher: KafkaPublisher
  readonly #router: KafkaRouter
  readonly #consumer: KafkaConsumer
  /** Up to where outputs are published: a commit that is tried again does not publish again. */
  #published = -1n

  constructor(input: InputPartition, publisher: KafkaPublisher, router: KafkaRouter, consumer: KafkaConsumer) {
    this.#input = input
    this.#publisher = publisher
    this.#router = router
    this.#consumer = consumer
  }

  async begin(): Promise<bigint> {
    return -1n
  }

  async commit(outputs: readonly Publication[], next: bigint, confirm: () => Promise<void>): Promise<void> {
    const { group, topic, partition } = this.#input
    await confirm()
    if (this.#published !== next) await this.#publish(outputs)
    this.#published = next
    try {
      const metadata = offsetMetadata(this.#input)
      await this.#consumer.commitOffsets([{ topic, partition, offset: String(next), metadata }])
    } catch (error) {
      throw kafkaError(`committing group ${group} to ${topic}-${partition}-${next}`, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve()
  }

  async #publish(outputs: readonly Publication[]): Promise<void> {
    try {
      await this.#publisher.publish(outputs)
    } catch (error) {
      if (isTooLarge(error)) await this.#router.relearn(outputs)
      throw error
    }
  }
}
