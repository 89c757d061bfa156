/** The queue in front of full partitions: whole publications are let in first come, first served, so that no order is lost while waiting. */
import type { Publication } from '../bus.ts'
import type { MemoryLog } from './memory-log.ts'

export interface Entry {
  readonly log: MemoryLog
  readonly message: Publication
}

interface Waiter {
  readonly entries: readonly Entry[]
  /** Logs that must have room; the caller's own input is never among them: it would wait for itself. */
  readonly needed: ReadonlySet<MemoryLog>
  readonly admit: () => void
  /** Undefined for outputs of a handler: these hurry when their subscription closes. */
  readonly refuse: ((reason: unknown) => void) | undefined
}

export interface AdmitOptions {
  /** The topic that the messages were made from. */
  readonly from?: string
  /** Once aborted, the messages go in without waiting for room: their maker is leaving and must not lose them. */
  readonly hurry?: AbortSignal
  /** Runs in the same step as the append: no reader sees one without the other. */
  readonly advance?: () => void
}

export class MemoryAdmission {
  readonly #capacity: number
  readonly #append: (entries: readonly Entry[]) => void
  #queue: Waiter[] = []

  constructor(capacity: number, append: (entries: readonly Entry[]) => void) {
    this.#capacity = capacity
    this.#append = append
  }

  /**
   * Resolves when the messages are in, all in one step. A partition takes a publication while it holds fewer than
   * `capacity` messages, so a publication larger than the capacity passes too, and the bound is the capacity plus one publication.
   */
  async enter(entries: readonly Entry[], options: AdmitOptions = {}): Promise<void> {
    const needed = new Set(entries.map((entry) => entry.log).filter((log) => log.topic !== options.from))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const admit = () => {
      options.advance?.()
      this.#append(entries)
      resolve()
    }
    const waiter = { entries, needed, admit, refuse: options.hurry === undefined ? reject : undefined }
    this.#queue.push(waiter)
    const hurry = () => this.#admitNow(waiter)
    options.hurry?.addEventListener('abort', hurry, { once: true })
    if (options.hurry?.aborted) hurry()
    this.pass()
    try {
      await promise
    } finally {
      options.hurry?.removeEventListener('abort', hurry)
    }
  }

  /** Lets in whoever has room now; called after each commit. A waiter holds its partitions for itself against those behind it. */
  pass(): void {
    const taken = new Set<MemoryLog>()
    for (const waiter of [...this.#queue]) {
      const logs = [...waiter.needed]
      if (logs.every((log) => !taken.has(log) && log.depth < this.#capacity)) this.#admitNow(waiter)
      else for (const log of logs) taken.add(log)
    }
  }

  /** Turns away who is not a handler's output. */
  close(reason: unknown): void {
    const waiting = this.#queue
    this.#queue = waiting.filter((waiter) => waiter.refuse === undefined)
    for (const waiter of waiting) waiter.refuse?.(reason)
  }

  #admitNow(waiter: Waiter): void {
    const at = this.#queue.indexOf(waiter)
    if (at < 0) return
    this.#queue.splice(at, 1)
    waiter.admit()
  }
}
