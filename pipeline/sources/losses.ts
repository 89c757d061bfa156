/** What a source could not hand on: told to whoever asked for its frames, so that nothing is lost in silence. */

export interface Losses {
  /** A line for a person. */
  tell(line: string): void
  count(loss: Partial<LossCounts>): void
}

export interface LossCounts {
  /** Frames of a live source that were older than the one that was taken. */
  readonly dropped: number
  /** Pictures in a stream that were damaged. */
  readonly damaged: number
  /** Bytes in a stream that belong to no picture handed on. */
  readonly skippedBytes: number
}
