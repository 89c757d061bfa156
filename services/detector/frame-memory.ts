/** What detectors remember of frames: which ended in an event, and each camera's most recent one. Losing it costs no frame. */
import type { Frame } from '@sightline/shared/contracts/frame.ts'
import { frameKey, recentFrameKey } from '@sightline/shared/contracts/state-keys.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { State } from '@sightline/shared/state/state.ts'

export interface FrameMemoryOptions {
  /** In front of every key: `stateScope` of shared/contracts/state-keys.ts. Detectors of one scope remember together. */
  readonly scope: string
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
   * Whether another message ended in an event for this frame. Asked before the frame is computed: nothing is claimed yet, so
   * one that turns out damaged is in nobody's way, and whoever is killed meanwhile leaves nothing behind.
   *
   * The same message that comes again is no duplicate; nor is a frame without a `ce_id`, whose id is its place in the log.
   * While the state is away, nothing is a duplicate.
   */
  async isDuplicate(frame: Frame): Promise<boolean> {
    if (!this.#isRemembered(frame)) return false
    const owner = await this.#attempt(() => this.#state.get(this.#key(frame)))
    return owner !== undefined && new TextDecoder().decode(owner) !== frame.position
  }

  /**
   * Claims the frame for its message, once there is an event to hand on: false where another message did so first. Of two
   * that are computed at the same time, wherever, one is handed on. A message that comes again still has its claim.
   */
  async claim(frame: Frame): Promise<boolean> {
    if (!this.#isRemembered(frame)) return true
    const { dedupeMs } = this.#options
    const owner = await this.#attempt(() => this.#state.claim(this.#key(frame), frame.position, dedupeMs))
    return owner === undefined || owner === frame.position
  }

  /** After a failure: a claim that the same message made before it came again counts for nothing. */
  async forget(frame: Frame): Promise<void> {
    if (!this.#isRemembered(frame)) return
    const key = this.#key(frame)
    await this.#attempt(async () => {
      const owner = await this.#state.get(key)
      if (owner !== undefined && new TextDecoder().decode(owner) === frame.position) await this.#state.delete(key)
    })
  }

  /** Keeps the frame as its camera's most recent one. */
  async keep({ camera, bytes }: Frame): Promise<void> {
    const { recentMs, now, scope } = this.#options
    if (recentMs === 0 || now() - (this.#written.get(camera) ?? 0) < recentEveryMs) return
    this.#written.delete(camera)
    this.#written.set(camera, now())
    for (const [known, time] of this.#written) {
      if (now() - time < recentEveryMs) break // In the order of writing: the rest is younger.
      this.#written.delete(known)
    }
    await this.#attempt(() => this.#state.set(recentFrameKey(scope, camera), bytes, recentMs))
  }

  #isRemembered({ isNamed }: Frame): boolean {
    return isNamed && this.#options.dedupeMs > 0
  }

  #key({ id }: Frame): string {
    return frameKey(this.#options.scope, id)
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
