/** One assigned partition: buffers what is fetched, hands it to the handler in order, commits, and starts over after an error. */
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../../errors/backoff.ts'
import type { Logger } from '../../errors/logger.ts'
import type { Delivery, Handler, Publication } from '../bus.ts'
import { messageBytes } from '../message-size.ts'
import { callHandler, isFatal, isStuck, noProgress, type RedeliveryOptions } from '../redelivery.ts'
import type { Committer, InputPartition } from './kafka-committer.ts'
import { isFenced, isTooLarge } from './kafka-errors.ts'

export interface PartitionPorts {
  readonly handler: Handler
  readonly maxBatch: number
  /** Fetching stops above this many buffered bytes and goes on below half of it. */
  readonly bufferBytes: number
  /** What all partitions have buffered together; above `most` those that have something fetch no more. */
  readonly shared: SharedBuffer
  readonly redelivery: RedeliveryOptions
  readonly logger: Logger
  readonly committer: Committer
  /** Proves the membership; rejects where the group has gone on without us, after the partition was taken away. */
  readonly prove: () => Promise<void>
  /** Rejects where the topic is no longer the one that the messages were read from. */
  readonly confirm: () => Promise<void>
  /** How old a proof can be, in ms. */
  readonly proofAgeMs: number
  readonly setPaused: (paused: boolean) => void
  /** An earlier turn of ours on the same partition, which may still be at work. */
  readonly before: Promise<void>
  readonly fail: (error: unknown) => void
}

export interface SharedBuffer {
  bytes: number
  readonly most: number
}

/** Buffered batches beyond the one at work. */
const bufferedBatches = 4

export class KafkaPartition {
  readonly #input: InputPartition
  readonly #ports: PartitionPorts
  readonly #lost = new AbortController()
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  readonly #buffer: Delivery[] = []
  #bufferedBytes = 0
  #paused = false
  /** First offset that was never buffered: a fetch after a rebalance starts again at the committed offset. */
  #expected = -1n
  #begun = false
  /** Outputs of the batch at the head of the buffer, kept while its commit is tried again: it need not be computed twice. */
  #outputs: { readonly batch: readonly Delivery[]; readonly publications: readonly Publication[] } | undefined
  #failures = 0
  #wake: () => void = () => undefined

  constructor(input: InputPartition, ports: PartitionPorts) {
    this.#input = input
    this.#ports = ports
    this.#stop.signal.addEventListener('abort', () => this.#wake())
    this.#running = this.#run()
  }

  /** The oldest message that is not committed, as far as fetched. */
  get oldest(): Delivery | undefined {
    return this.#buffer[0]
  }

  /** Takes what was fetched; what is known already is skipped. */
  add(deliveries: readonly Delivery[]): void {
    if (this.#stop.signal.aborted) return
    for (const delivery of deliveries) {
      if (delivery.offset < this.#expected) continue
      this.#expected = delivery.offset + 1n
      this.#buffer.push(delivery)
      this.#count(messageBytes(delivery))
    }
    this.#control()
    this.#wake()
  }

  /** The partition belongs to someone else now: whatever is at work is worthless. Resolves when it has ended. */
  async lose(): Promise<void> {
    this.#lost.abort()
    await this.drain()
  }

  /** Finishes and commits the batch at work, then stops. */
  async drain(): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.#buffer.length = 0
    this.#count(-this.#bufferedBytes)
    await this.#ports.committer[Symbol.asyncDispose]()
  }

  async #run(): Promise<void> {
    await this.#ports.before
    while (!this.#stop.signal.aborted) {
      if (this.#buffer.length === 0) {
        await this.#filled()
        continue
      }
      try {
        await this.#step()
        this.#failures = 0
      } catch (error) {
        await this.#failed(error)
      }
    }
  }

  async #filled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    if (this.#buffer.length === 0 && !this.#stop.signal.aborted) await promise
  }

  /** One batch from buffer to commit. */
  async #step(): Promise<void> {
    const { handler, maxBatch, redelivery, committer, prove, confirm } = this.#ports
    await prove()
    if (!this.#begun) {
      this.#dropBelow(await committer.begin())
      this.#begun = true
    }
    const first = this.#buffer[0]
    if (first === undefined) return
    if (this.#outputs?.batch[0] !== first) {
      const batch = this.#buffer.slice(0, maxBatch)
      this.#outputs = { batch, publications: await callHandler(handler, batch, redelivery, this.#lost.signal) }
    }
    const { batch, publications } = this.#outputs
    const next = batch.at(-1)!.offset + 1n
    await prove()
    this.#lost.signal.throwIfAborted()
    this.#begun = false
    try {
      await committer.commit(publications, next, confirm)
    } catch (error) {
      // Computed anew, the outputs fit what the topic turned out to take: what is too large becomes a dead letter.
      if (isTooLarge(error)) this.#outputs = undefined
      throw error
    }
    this.#begun = true
    this.#dropBelow(next)
  }

  #dropBelow(next: bigint): void {
    const kept = this.#buffer.findIndex((delivery) => delivery.offset >= next)
    const dropped = this.#buffer.splice(0, kept < 0 ? this.#buffer.length : kept)
    for (const delivery of dropped) this.#count(-messageBytes(delivery))
    if (next > this.#expected) this.#expected = next
    this.#control()
  }

  async #failed(error: unknown): Promise<void> {
    const { redelivery, logger, proofAgeMs, fail } = this.#ports
    this.#failures += 1
    if (this.#lost.signal.aborted && !isStuck(error)) return
    const { group, topic, partition } = this.#input
    const place = { group, topic, partition, offset: String(this.#buffer[0]?.offset), attempt: this.#failures }
    logger.warn({ ...place, err: error }, 'a batch failed, it will come again')
    if (isFatal(error, this.#failures, redelivery)) {
      this.#stop.abort()
      fail(noProgress(this.#buffer.slice(0, 1), group, this.#failures, error))
      return
    }
    // After another process has taken the partition, only a fresh proof of membership may take it back.
    const wait = Math.max(backoffMs(this.#failures, redelivery), isFenced(error) ? proofAgeMs : 0)
    await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined)
  }

  #count(bytes: number): void {
    this.#bufferedBytes += bytes
    this.#ports.shared.bytes += bytes
  }

  #control(): void {
    const { bufferBytes, shared, maxBatch, setPaused } = this.#ports
    const own = Math.max(this.#bufferedBytes / bufferBytes, this.#buffer.length / (maxBatch * bufferedBatches))
    // One without anything to do must fetch, or it would wait for the others for ever.
    const fill = this.#buffer.length === 0 ? 0 : Math.max(own, shared.bytes / shared.most)
    if (this.#paused ? fill > 0.5 : fill < 1) return
    this.#paused = !this.#paused
    setPaused(this.#paused)
  }
}
