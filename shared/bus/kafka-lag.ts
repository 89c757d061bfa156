/** How far a group is behind, in messages. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaAdmin } from './kafka-client.ts'

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

const incompleteAnswers = 20
const incompletePauseMs = 100

/**
 * First and end offsets of every partition. While kafkajs 2.2.4 renews its picture of the cluster it leaves out partitions,
 * and then stumbles over them with a TypeError: such an answer is asked for again.
 */
export async function topicOffsets(
  admin: KafkaAdmin,
  topic: string,
): Promise<Awaited<ReturnType<KafkaAdmin['fetchTopicOffsets']>>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await admin.fetchTopicOffsets(topic)
    } catch (error) {
      if (!(error instanceof TypeError) || attempt === incompleteAnswers) throw error
      await sleep(incompletePauseMs)
    }
  }
}
