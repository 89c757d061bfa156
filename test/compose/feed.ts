/** Frames that flow at a steady pace until they are stopped. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FrameToPublish } from '../../shared/contracts/frame.ts'
import type { Books } from '../harness/books.ts'

export class Feed implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  /** `frameOf` is asked for frame after frame; what falls behind is caught up with, so that the broker's absence changes no count. */
  constructor(books: Books, framesPerSecond: number, frameOf: (number: number) => FrameToPublish) {
    this.#running = this.#run(books, 1000 / framesPerSecond, frameOf)
    this.#running.catch(() => undefined)
  }

  async #run(books: Books, intervalMs: number, frameOf: (number: number) => FrameToPublish): Promise<void> {
    const started = performance.now()
    const sending = new Set<Promise<void>>()
    for (let number = 0; !this.#stop.signal.aborted; number += 1) {
      const sent = books.publish([frameOf(number)])
      sending.add(sent)
      sent.then(() => sending.delete(sent)).catch(() => this.#stop.abort())
      const wait = started + (number + 1) * intervalMs - performance.now()
      if (wait > 0) await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
    await Promise.all(sending)
  }

  /** Resolves when all that was published is acknowledged; rejects where a frame was refused. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
