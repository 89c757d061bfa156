/** Where assigned partitions start: at the committed offset, unless it belongs to an earlier topic of the name or lies before the log. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../errors/logger.ts'
import type { KafkaAdmin } from './kafka-client.ts'
import { isOwnOffset } from './kafka-committer.ts'
import type { KafkaInspector, LogRange, TopicAnswer } from './kafka-inspector.ts'
import type { KafkaMember } from './kafka-member.ts'
import type { KafkaPlaces } from './kafka-places.ts'
import { topicsMissing } from './kafka-topics.ts'

export interface StartsPorts {
  readonly inspector: KafkaInspector
  readonly admin: () => Promise<KafkaAdmin>
  readonly places: KafkaPlaces
  readonly logger: Logger
  /** The topic as it is now; whether it is the one that is read. */
  readonly found: (topic: TopicAnswer | null) => boolean
  /** So many messages were deleted before they were read. */
  readonly lost: (partition: number, messages: number) => void
  readonly stop: AbortSignal
}

interface Committed {
  readonly offset: string
  readonly metadata: string | null
}

/** Before where a partition starts is asked again, in ms. */
const askAgainMs = 200

export class KafkaStarts {
  readonly #group: string
  readonly #topic: string
  readonly #ports: StartsPorts
  /** Offsets by partition that were committed to an earlier topic of this name. */
  readonly #former = new Map<number, bigint>()
  /** The topic whose partitions were counted, and how many it had when its reading began. */
  #known: { readonly id: string | null; readonly partitions: number } | undefined

  constructor({ group, topic }: { readonly group: string; readonly topic: string }, ports: StartsPorts) {
    this.#group = group
    this.#topic = topic
    this.#ports = ports
  }

  /** What was committed to an earlier topic of the name; null where there is none. */
  former(partition: number): bigint | null {
    return this.#former.get(partition) ?? null
  }

  /**
   * Gives the partitions that have none their place, and lets the member fetch them. Never rejects.
   *
   * @param isOurs whether the member still has the partition
   */
  async place(
    member: KafkaMember,
    from: 'oldest' | 'newest',
    partitions: readonly number[],
    isOurs: (partition: number) => boolean,
  ): Promise<void> {
    const { logger, places, stop } = this.#ports
    const isOpen = (partition: number): boolean => isOurs(partition) && !places.has(partition)
    while (!stop.aborted) {
      const fresh = partitions.filter(isOpen)
      if (fresh.length === 0) return
      try {
        await this.#placeAll(member, from, fresh, isOpen)
      } catch (error) {
        logger.info({ topic: this.#topic, err: error }, 'finding where partitions start failed, trying again')
        await sleep(askAgainMs, undefined, { signal: stop }).catch(() => undefined)
      }
    }
  }

  /** A fetch that begins behind the one before has jumped: over what was deleted, or over what a compacted topic left out. */
  async explain(topic: TopicAnswer, partition: number, first: bigint): Promise<void> {
    const { inspector, places, logger, lost } = this.#ports
    const next = places.next(partition)
    if (next === undefined || first <= next) return
    try {
      const low = (await inspector.logs(topic, [partition])).get(partition)?.low ?? next
      const end = low < first ? low : first
      if (end > next) lost(partition, Number(end - next))
    } catch (error) {
      logger.info({ topic: this.#topic, partition, err: error }, 'a gap in the offsets, not explained')
    }
  }

  async #placeAll(
    member: KafkaMember,
    from: 'oldest' | 'newest',
    partitions: readonly number[],
    isOpen: (partition: number) => boolean,
  ): Promise<void> {
    const { inspector, admin, found } = this.#ports
    const topic = await inspector.topic(this.#topic)
    if (!found(topic) || topic === null) throw topicsMissing([this.#topic])
    const ranges = await inspector.logs(topic, partitions)
    const [offsets] = await (await admin()).fetchOffsets({ groupId: this.#group, topics: [this.#topic] })
    const committed = new Map(offsets!.partitions.map((place) => [place.partition, place]))
    if (this.#known?.id !== topic.id) this.#known = { id: topic.id, partitions: topic.leaders.size }
    for (const partition of partitions) {
      const [range, place] = [ranges.get(partition), committed.get(partition)]
      if (range === undefined || place === undefined) throw new Error(`partition ${partition} has no leader yet`)
      if (isOpen(partition)) this.#placeOne(member, from, partition, range, place, topic.id)
    }
  }

  /** No log of the topic ends before an offset that was committed to it. */
  #placeOne(
    member: KafkaMember,
    from: 'oldest' | 'newest',
    partition: number,
    { low, stable, high }: LogRange,
    committed: Committed,
    topicId: string | null,
  ): void {
    const { places, lost } = this.#ports
    const offset = BigInt(committed.offset)
    const isFormer = offset > high || !isOwnOffset({ topicId, former: null }, committed)
    if (isFormer) this.#former.set(partition, offset)
    else this.#former.delete(partition)
    // All that is in a partition that came while we read is new, whatever a new group asked for.
    const isAdded = partition >= this.#known!.partitions
    if (offset >= 0n && !isFormer) {
      places.open(partition, offset < low ? low : offset)
      if (offset < low) lost(partition, Number(low - offset))
    } else if (from === 'newest' && !isFormer && !isAdded) {
      places.open(partition, stable)
    } else {
      places.open(partition, low)
      if (isFormer || from === 'newest') member.seek(partition, low)
    }
    member.setPaused(partition, false)
  }
}
