/** Waits until what lies in a topic now is decided: what a `read_committed` reader sees from then on holds all of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '../service/errors.ts'
import type { KafkaAdmin, KafkaClients } from './kafka-client.ts'
import { kafkaError } from './kafka-errors.ts'
import { topicOffsets } from './kafka-lag.ts'

const pollMs = 100

/**
 * A transaction that is open hides everything behind its first message from `read_committed` readers, also what others
 * have committed long since, and their end of the topic is before it. One whose owner was killed stays open until it
 * times out, and the broker looks for such ones every 10 s.
 *
 * Resolves when no message that is in the topic at the time of the call is hidden, or when `stop` aborts.
 *
 * @throws BUS_UNAVAILABLE where a transaction is still open after `withinMs`
 */
export async function topicSettled(
  clients: KafkaClients,
  topic: string,
  withinMs: number,
  stop: AbortSignal,
): Promise<void> {
  const ends = await withAdmin(clients.uncommittedAdmin(), topic, (admin) => offsets(admin, topic))
  await withAdmin(clients.admin(), topic, async (admin) => {
    for (const started = performance.now(); !stop.aborted; ) {
      const decided = await offsets(admin, topic)
      const open = [...ends].find(([partition, end]) => (decided.get(partition) ?? 0n) < end)
      if (open === undefined) return
      if (performance.now() - started > withinMs) {
        const message = `a transaction in partition ${open[0]} of ${topic} has been open for ${Math.round(withinMs / 1000)} s`
        throw new SightlineError('BUS_UNAVAILABLE', `${message}; what lies behind it can't be read`, {
          retryable: true,
        })
      }
      await sleep(pollMs, undefined, { signal: stop }).catch(() => undefined)
    }
  })
}

async function offsets(admin: KafkaAdmin, topic: string): Promise<ReadonlyMap<number, bigint>> {
  const found = await topicOffsets(admin, topic)
  return new Map(found.map(({ partition, high }) => [partition, BigInt(high)]))
}

async function withAdmin<T>(admin: KafkaAdmin, topic: string, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  try {
    await admin.connect()
    return await work(admin)
  } catch (error) {
    throw kafkaError(`looking for the end of ${topic}`, error)
  } finally {
    await admin.disconnect()
  }
}
