/** What tests on a real broker share. */
import { randomUUID } from 'node:crypto'
import type { KafkaConnection, KafkaTimes } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'

/** Times for tests: a lost member is noticed within 1.5 s. */
export const quickTimes: Partial<KafkaTimes> = {
  sessionTimeoutMs: 1_500,
  heartbeatIntervalMs: 300,
  rebalanceTimeoutMs: 3_000,
  maxWaitMs: 50,
  requestTimeoutMs: 1_200,
}

export const uniqueTopic = (): string => `topic-${randomUUID().slice(0, 8)}`

/** A new topic with a name of its own. */
export async function createTopic(connection: KafkaConnection, config: Record<string, string> = {}): Promise<string> {
  const name = uniqueTopic()
  await ensureTopics(connection, [{ name, partitions: 2, replication: 1, config }])
  return name
}
