/** What detectors remember of frames: which were published before, and each camera's most recent one. Losing it costs no frame. */
import type { Frame } from '@sightline/shared/contracts/frame.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { State } from '@sightline/shared/state/state.ts'

export interface FrameMemoryOptions {
  /** How long a published frame is remembered, in ms; 0 remembers none. */
  readonly dedupeMs: number
  /** How long a camera's most recent frame is kept, in ms; 0 keeps none. */
  readonly recentMs: number
  readonly now: () => number
  /** Told when the state goes away, and with null when it is back. */
  readonly onState: (problem: SightlineError | null) => void
}

/** A camera's most recent frame is written at most so often. */
const recentEveryMs = 1000

/** Key of a camera's most recent frame, as it was encoded. */
export const recentFrameKey = (camera: string): string => `recent-frame:${camera}`

export class FrameMemory {
  readonly #state: State
  readonly #options: FrameMemoryOptions
  readonly #written = new Map<string, number>()
  #isAway = false

  constructor(state: State, options: FrameMemoryOptions) {
    this.#state = state
    this.#options = options
  }

  /**
   * Whether another message brought this frame before. The same message that comes again is none; nor is a frame without
   * a `ce_id`, whose id is its place in the log. While the state is away, nothing counts as a duplicate.
   */
  async isDuplicate(frame: Frame): Promise<boolean> {
    const { dedupeMs } = this.#options
    if (dedupeMs === 0 || !frame.isNamed) return false
    const owner = await this.#attempt(() => this.#state.claim(`frame:${frame.id}`, frame.position, dedupeMs))
    return owner !== undefined && owner !== frame.position
  }

  /** Keeps the frame as its camera's most recent one. */
  async keep({ camera, bytes }: Frame): Promise<void> {
    const { recentMs, now } = this.#options
    if (recentMs === 0 || now() - (this.#written.get(camera) ?? 0) < recentEveryMs) return
    this.#written.delete(camera)
    this.#written.set(camera, now())
    for (const [known, time] of this.#written) {
      if (now() - time < recentEveryMs) break // In the order of writing: the rest is younger.
      this.#written.delete(known)
    }
    await this.#attempt(() => this.#state.set(recentFrameKey(camera), bytes, recentMs))
  }

  /** Undefined while the state is away; every other error is a bug and goes on. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work()
      if (this.#isAway) this.#options.onState(null)
      this.#isAway = false
      return result
    } catch (error) {
      if (!(error instanceof SightlineError && error.code === 'STATE_UNAVAILABLE')) throw error
      if (!this.#isAway) this.#options.onState(error)
      this.#isAway = true
      return undefined
    }
  }
}
