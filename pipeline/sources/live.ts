/** A camera on the network: its newest frame whenever one is asked for, and again after it was away, until stopped. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, backoffMs } from '@sightline/shared/errors/backoff.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Losses } from './losses.ts'

export interface LiveFrame {
  readonly bytes: Uint8Array
  /** When it came. */
  readonly at: Date
}

export interface LiveOptions {
  /** What people call the camera. */
  readonly name: string
  readonly stop: AbortSignal
  readonly losses: Losses
  readonly patience?: LivePatience
}

export interface LivePatience extends Backoff {
  /** Without a picture for so long, in ms, a connection is taken for dead. */
  readonly silenceMs: number
  /** A connection that held for so long, in ms, was a good one: the next wait is short again. */
  readonly steadyMs: number
}

const defaultPatience: LivePatience = {
  initialBackoffMs: 500,
  maxBackoffMs: 30_000,
  silenceMs: 30_000,
  steadyMs: 5_000,
}

/** Opens a connection to a camera; its pictures end with the connection, and when `stop` aborts. */
export type Connect = (stop: AbortSignal) => AsyncIterable<Uint8Array>

/**
 * Takes every frame off the camera, so that none waits in a buffer on the way, and hands on the newest; the others are
 * counted as dropped. Throws what the first connection throws: an address that never worked is wrong, not away.
 */
export async function* newestFrames(connect: Connect, options: LiveOptions): AsyncGenerator<LiveFrame> {
  const over = new AbortController()
  const stop = AbortSignal.any([options.stop, over.signal])
  let newest: LiveFrame | null = null
  let isEnded = false
  let waiting = Promise.withResolvers<void>()
  const reading = (async () => {
    try {
      for await (const bytes of connections(connect, { ...options, stop })) {
        if (newest !== null) options.losses.count({ dropped: 1 })
        newest = { bytes, at: new Date() }
        waiting.resolve()
      }
    } finally {
      isEnded = true
      waiting.resolve()
    }
  })()
  // Thrown where it is waited for.
  reading.catch(() => undefined)
  const take = (): LiveFrame | null => {
    const taken = newest
    newest = null
    return taken
  }
  try {
    for (;;) {
      const frame = take()
      if (frame !== null) yield frame
      else if (isEnded) return await reading
      else {
        waiting = Promise.withResolvers()
        await waiting.promise
      }
    }
  } finally {
    over.abort()
    await reading.catch(() => undefined)
  }
}

/** The pictures of one connection after the other. */
async function* connections(connect: Connect, options: LiveOptions): AsyncGenerator<Uint8Array> {
  const { name, stop, losses, patience = defaultPatience } = options
  let awayAt: number | null = null
  for (let failed = 0; !stop.aborted; failed += 1) {
    const opened = performance.now()
    let pictures = 0
    let reason = 'the stream ended'
    using silence = new Silence(patience.silenceMs)
    try {
      for await (const picture of connect(AbortSignal.any([stop, silence.signal]))) {
        silence.broken()
        pictures += 1
        if (awayAt !== null) losses.tell(`${name}: back after ${Math.round((performance.now() - awayAt) / 1000)} s`)
        awayAt = null
        yield picture
      }
      if (silence.signal.aborted) reason = `no picture for ${patience.silenceMs / 1000} s`
      else if (failed === 0 && pictures === 1) return // A still picture, not a camera.
      if (failed === 0 && pictures === 0)
        throw new SightlineError('FILE_UNREADABLE', `${name}: ${reason}, and no picture came`)
    } catch (error) {
      const isAway = error instanceof SightlineError && error.code === 'FILE_UNREADABLE'
      if (!isAway || (failed === 0 && pictures === 0)) throw error
      reason = error.message
    }
    if (stop.aborted) return
    if (awayAt === null) losses.tell(`${name}: away (${reason}); trying again until it is back`)
    awayAt ??= performance.now()
    if (pictures > 0 && performance.now() - opened > patience.steadyMs) failed = 0
    await sleep(backoffMs(failed + 1, patience), undefined, { signal: stop }).catch(() => undefined)
  }
}

/** Aborts its signal when nothing broke it for a while. */
class Silence implements Disposable {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(ms: number) {
    this.#timer = setTimeout(() => this.#controller.abort(), ms)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  broken(): void {
    this.#timer.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
