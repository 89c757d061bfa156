/** Waits until what lies in a topic now is decided: what a `read_committed` reader sees from then on holds all of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '../../errors/errors.ts'
import type { KafkaAdmin, KafkaClients } from './kafka-client.ts'
import { kafkaError } from './kafka-errors.ts'
import { topicOffsets } from './kafka-topic-offsets.ts'

const pollMs = 100
/** Transactions of a process that lives end within this time; a longer wait is worth a word. */
const tellAfterMs = 1_000

export interface SettleOptions {
  /** Ends the wait. */
  readonly stop: AbortSignal
  /** Told once where an open transaction makes it wait: it will for `atMostMs` more. */
  readonly onWait?: (topic: string, atMostMs: number) => void
}

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
  { stop, onWait }: SettleOptions,
): Promise<void> {
  const ends = await withAdmin(clients.uncommittedAdmin(), topic, (admin) => offsets(admin, topic))
  await withAdmin(clients.admin(), topic, async (admin) => {
    const started = performance.now()
    for (let isTold = false; !stop.aborted; ) {
      const decided = await offsets(admin, topic)
      const open = [...ends].find(([partition, end]) => (decided.get(partition) ?? 0n) < end)
      if (open === undefined) return
      const waited = performance.now() - started
      if (waited > withinMs) {
        const message = `a transaction in partition ${open[0]} of ${topic} has been open for ${Math.round(withinMs / 1000)} s`
        throw new SightlineError('BUS_UNAVAILABLE', `${message}; what lies behind it can't be read`, {
          retryable: true,
        })
      }
      if (!isTold && waited > tellAfterMs) {
        onWait?.(topic, withinMs - waited)
        isTold = true
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
