/** Counts what became of frames; the books close when every published frame has ended. */
import type { Answer, Summary } from '@sightline/shared/contracts/answer.ts'

export class Books {
  #frames = 0
  #events = 0
  #skipped = 0
  #deadLettered = 0
  readonly #waiting: { readonly frames: number; readonly resolve: () => void }[] = []

  published(): void {
    this.#frames += 1
  }

  ended(answer: Answer): void {
    if (answer.kind === 'deadLetter') this.#deadLettered += 1
    else this.#events += 1
    if (answer.kind === 'event' && answer.event.skipped !== null) this.#skipped += 1
    while (this.#waiting[0] !== undefined && this.#waiting[0].frames <= this.#ended) this.#waiting.shift()?.resolve()
  }

  /** Resolves when every frame published so far has ended. */
  closed(): Promise<void> {
    return this.endedAtLeast(this.#frames)
  }

  /** Resolves when at most `frames` frames are under way. */
  roomFor(frames: number): Promise<void> {
    return this.endedAtLeast(this.#frames - frames)
  }

  get summary(): Summary {
    return {
      frames: this.#frames,
      events: this.#events,
      skipped: this.#skipped,
      deadLettered: this.#deadLettered,
    }
  }

  get #ended(): number {
    return this.#events + this.#deadLettered
  }

  private endedAtLeast(frames: number): Promise<void> {
    if (this.#ended >= frames) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ frames, resolve })
    this.#waiting.sort((a, b) => a.frames - b.frames)
    return promise
  }
}
