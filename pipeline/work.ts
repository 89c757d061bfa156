/** What long work tells whoever asked for it, and how it is asked to stop. */

export interface Progress extends Disposable {
  advance(): void
  /** Takes it away from where it is shown; so does disposing. */
  end(): void
}

export interface Work {
  /** Finish what is under way, start nothing new. */
  readonly stop: AbortSignal
  /** A line for a person. */
  readonly tell: (line: string) => void
  readonly progress: (what: string, total: number) => Progress
}
