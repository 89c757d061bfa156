/** How far a group is behind, in messages. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaAdmin } from './kafka-client.ts'
import { isElecting } from './kafka-errors.ts'

/**
 * Exact at 0; above it, Kafka's transaction markers count as messages too.
 *
 * @param reached by partition, the first offset that its owner is not done with: the markers behind the last message are
 *   never handed to anyone, so that the committed offset alone would leave a group behind for ever
 */
export async function groupLag(
  admin: KafkaAdmin,
  groupId: string,
  topic: string,
  reached: ReadonlyMap<number, bigint | undefined>,
): Promise<number> {
  if (reached.size === 0) return 0
  const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const committed = new Map(offsets!.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]))
  let lag = 0n
  for (const { partition, high, low } of await topicOffsets(admin, topic)) {
    if (!reached.has(partition)) continue
    const place = largest(reached.get(partition) ?? 0n, committed.get(partition) ?? 0n, BigInt(low))
    lag += largest(0n, BigInt(high) - place)
  }
  return Number(lag)
}

function largest(...values: readonly bigint[]): bigint {
  let found = values[0]!
  for (const value of values) if (value > found) found = value
  return found
}

/** Some ms for a topic that was just made, a second or two after the end of a broker. */
const electedWithinMs = 5_000
const electedPollMs = 50

/** First and end offsets of every partition. kafkajs 2.2.4 asks once only, and fails where a leader is just being found. */
export async function topicOffsets(
  admin: KafkaAdmin,
  topic: string,
): Promise<Awaited<ReturnType<KafkaAdmin['fetchTopicOffsets']>>> {
  for (const started = performance.now(); ; ) {
    try {
      return await admin.fetchTopicOffsets(topic)
    } catch (error) {
      if (!isElecting(error) || performance.now() - started > electedWithinMs) throw error
      await sleep(electedPollMs)
    }
  }
}
