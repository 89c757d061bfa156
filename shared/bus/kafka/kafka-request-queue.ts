/** Mends kafkajs 2.2.4's queue of requests, which sets a timer in the past for every answer and so wakes the process for nothing. */

/** The part of kafkajs' `RequestQueue` that this is about. */
export interface RequestQueue {
  readonly pending: readonly unknown[]
  /** ms since the epoch; -1 where the broker has not asked for a pause. */
  readonly throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

/** Looked at again after this time, in ms, where requests wait for the answers to others. */
const checkAgainMs = 10

/** Only where something waits there is something to look at; an answer that comes looks by itself. */
export function mendRequestQueue(prototype: RequestQueue): void {
  prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
    const throttledMs = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttledMs > 0 ? throttledMs : checkAgainMs,
    )
  }
}
