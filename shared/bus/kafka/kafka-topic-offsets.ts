/** Where the partitions of a topic begin and end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaAdmin } from './kafka-client.ts'
import { isElecting } from './kafka-errors.ts'

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
