/** When a batch comes again: a handler call has a deadline, a failed one a backoff, and one that can never succeed an end. */
import type { Backoff } from '../errors/backoff.ts'
import { SightlineError } from '../errors/errors.ts'
import type { Delivery, Handler, Publication } from './bus.ts'

export interface RedeliveryOptions extends Backoff {
  /**
   * Deliveries of one batch after which an error that is not `retryable` ends the subscription.
   * A retryable error (a dependency is down) is retried for ever: giving up would lose the message.
   */
  readonly maxAttempts: number
  /** Time for one handler call, in ms; then its signal aborts. */
  readonly deadlineMs: number
  /** Time for the handler to react to the abort, in ms; then the subscription ends: code that is stuck does not heal. */
  readonly graceMs: number
}

export const defaultRedelivery: RedeliveryOptions = {
  initialBackoffMs: 100,
  maxBackoffMs: 5_000,
  maxAttempts: 10,
  deadlineMs: 60_000,
  graceMs: 10_000,
}

/** Whether the failed delivery number `attempt` of a batch was the last one. */
export function isFatal(error: unknown, attempt: number, options: RedeliveryOptions): boolean {
  if (error instanceof SightlineError && error.retryable) return false
  return attempt >= options.maxAttempts || isStuck(error)
}

/** The handler did not react to its abort; it may run on for ever. */
export const isStuck = (error: unknown): boolean => error instanceof SightlineError && error.code === 'BUS_NO_PROGRESS'

/** What `closed` rejects with after a fatal failure of a batch. */
export function noProgress(batch: readonly Delivery[], group: string, attempt: number, cause: unknown): SightlineError {
  const first = batch[0]!
  const position = `${first.topic}-${first.partition}-${first.offset}`
  return new SightlineError(
    'BUS_NO_PROGRESS',
    `group ${group} can't get past ${position} after ${attempt} deliveries`,
    { cause },
  )
}

/**
 * Calls the handler; `lost` aborts its signal early.
 *
 * @throws what the handler throws, or BUS_NO_PROGRESS where it ignores its abort for `graceMs`.
 */
export async function callHandler(
  handler: Handler,
  batch: readonly Delivery[],
  options: RedeliveryOptions,
  lost?: AbortSignal,
): Promise<readonly Publication[]> {
  const late = new AbortController()
  const stuck = Promise.withResolvers<never>()
  const giveUp = () => stuck.reject(new SightlineError('BUS_NO_PROGRESS', 'the handler does not end after its abort'))
  let grace: NodeJS.Timeout | undefined
  const onAbort = () => {
    grace ??= setTimeout(giveUp, options.graceMs)
  }
  const deadline = setTimeout(() => {
    late.abort(new SightlineError('TIMEOUT', `the batch took over ${options.deadlineMs} ms`))
  }, options.deadlineMs)
  const signal = lost === undefined ? late.signal : AbortSignal.any([late.signal, lost])
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([handler(batch, signal), stuck.promise])
  } finally {
    clearTimeout(deadline)
    clearTimeout(grace)
    signal.removeEventListener('abort', onAbort)
  }
}
