/** How long to wait before the next attempt at something that failed. */

export interface Backoff {
  /** Wait before the second attempt, in ms; doubled for each further one. */
  readonly initialBackoffMs: number
  readonly maxBackoffMs: number
}

/** Wait before attempt number `attempt + 1`, in ms; `attempt` counts from 1. */
export function backoffMs(attempt: number, { initialBackoffMs, maxBackoffMs }: Backoff): number {
  return Math.min(maxBackoffMs, initialBackoffMs * 2 ** (attempt - 1))
}
