/** A consumer group on one topic in memory: shares the partitions among its members and processes each strictly in order. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../../errors/backoff.ts'
import type { Logger } from '../../errors/logger.ts'
import type { Handler, Publication, SubscribeOptions } from '../bus.ts'
import { callHandler, isFatal, noProgress, type RedeliveryOptions } from '../redelivery.ts'
import type { MemoryLog, Reader } from './memory-log.ts'

export interface Member {
  readonly options: SubscribeOptions
  readonly handler: Handler
  /** Aborted when the member leaves. */
  readonly leaving: AbortController
  readonly fail: (error: unknown) => void
  /** Handler calls and their commits; a member that leaves waits for them. */
  readonly running: Set<Promise<void>>
}

export interface GroupPorts {
  readonly redelivery: RedeliveryOptions
  readonly logger: Logger
  /** Publishes the outputs and runs `advance` in the same step. */
  readonly commit: (
    outputs: readonly Publication[],
    from: string,
    hurry: AbortSignal,
    advance: () => void,
  ) => Promise<void>
  /** A partition has got room. */
  readonly onCommitted: () => void
}

interface Cursor {
  readonly log: MemoryLog
  readonly reader: Reader
  owner: Member | undefined
  busy: boolean
  /** Failed deliveries of the batch at the cursor. */
  failures: number
}

export class MemoryGroup {
  readonly #name: string
  readonly #ports: GroupPorts
  readonly #cursors: readonly Cursor[]
  readonly #members: Member[] = []

  constructor(name: string, logs: readonly MemoryLog[], from: 'oldest' | 'newest', ports: GroupPorts) {
    this.#name = name
    this.#ports = ports
    this.#cursors = logs.map((log) => {
      return { log, reader: log.enter(name, from), owner: undefined, busy: false, failures: 0 }
    })
  }

  join(member: Member): void {
    if (this.#members.length === 0) for (const { log } of this.#cursors) log.enter(this.#name, 'oldest')
    this.#members.push(member)
    this.#share()
  }

  /** Takes the member's partitions away; resolves when its running batches are committed. */
  async leave(member: Member): Promise<void> {
    const at = this.#members.indexOf(member)
    if (at >= 0) this.#members.splice(at, 1)
    member.leaving.abort()
    this.#share()
    await Promise.allSettled(member.running)
    if (this.#members.length > 0) return
    for (const { log } of this.#cursors) log.leave(this.#name)
    this.#ports.onCommitted()
  }

  /** Published but not committed, in the partitions of this member. */
  lag(member: Member): number {
    const own = this.#cursors.filter((cursor) => cursor.owner === member)
    return own.reduce((sum, { log, reader }) => sum + log.end - reader.committed, 0)
  }

  /** Time of the oldest message not committed, in the partitions of this member. */
  oldest(member: Member): number | null {
    const own = this.#cursors.filter((cursor) => cursor.owner === member)
    const times = own.flatMap(({ log, reader }) => log.read(reader.committed, 1).map(({ timestamp }) => timestamp))
    return times.length === 0 ? null : Math.min(...times)
  }

  /** Dropped before they were read here, in the partitions of this member. */
  lost(member: Member): number {
    const own = this.#cursors.filter((cursor) => cursor.owner === member)
    return own.reduce((sum, { reader }) => sum + reader.lost, 0)
  }

  wake(): void {
    for (const cursor of this.#cursors) void this.#work(cursor)
  }

  /**
   * A batch in flight stays with the member that has it, and the next one goes to the new owner: a rebalance neither
   * loses nor doubles, and one partition is never processed twice at a time.
   */
  #share(): void {
    for (const [index, cursor] of this.#cursors.entries()) cursor.owner = this.#members[index % this.#members.length]
    this.wake()
  }

  async #work(cursor: Cursor): Promise<void> {
    if (cursor.busy) return
    cursor.busy = true
    // A handler that never waits must not keep timers and sockets of the process from their turn.
    await nextTurn()
    while (cursor.owner !== undefined && cursor.reader.committed < cursor.log.end) {
      const owner = cursor.owner
      const call = this.#deliver(cursor, owner)
      owner.running.add(call)
      await call
      owner.running.delete(call)
      if (cursor.failures > 0) await this.#backOff(cursor, owner)
      await nextTurn()
    }
    cursor.busy = false
  }

  /** One delivery of the batch at the cursor; never rejects. */
  async #deliver(cursor: Cursor, owner: Member): Promise<void> {
    const { redelivery, logger, commit } = this.#ports
    const from = cursor.reader.committed
    const batch = cursor.log.read(from, owner.options.maxBatch)
    try {
      const outputs = await callHandler(owner.handler, batch, redelivery)
      const advance = () => cursor.log.commit(cursor.reader, from + batch.length)
      await commit(outputs, cursor.log.topic, owner.leaving.signal, advance)
      cursor.failures = 0
    } catch (error) {
      cursor.failures += 1
      const { topic, partition } = cursor.log
      const place = { group: this.#name, topic, partition, offset: from, attempt: cursor.failures }
      logger.warn({ ...place, err: error }, 'the handler failed, the batch will come again')
      if (isFatal(error, cursor.failures, redelivery)) {
        owner.fail(noProgress(batch, this.#name, cursor.failures, error))
        cursor.failures = 0
      }
    }
    this.#ports.onCommitted()
  }

  async #backOff(cursor: Cursor, owner: Member): Promise<void> {
    const wait = backoffMs(cursor.failures, this.#ports.redelivery)
    try {
      await sleep(wait, undefined, { signal: owner.leaving.signal })
    } catch {
      // The owner left: whoever has the partition now tries at once.
    }
  }
}
