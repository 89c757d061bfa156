/** A progress bar for work that takes more than a moment, where a person is watching; silence elsewhere. */
import { SingleBar } from 'cli-progress'

export interface Progress extends Disposable {
  advance(): void
  /** Takes the bar away; so does disposing. */
  end(): void
}

const nothing = (): void => undefined

/** `what` is the program's own text. The bar is drawn on `stream`, stderr where not given, so that stdout stays clean. */
export function openProgress(
  { isInteractive }: { readonly isInteractive: boolean },
  what: string,
  total: number,
  stream: NodeJS.WritableStream = process.stderr,
): Progress {
  if (!isInteractive || total < 2) return { advance: nothing, end: nothing, [Symbol.dispose]: nothing }
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total}  {eta_formatted} left`,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 28,
    clearOnComplete: true,
    // A killed program can't show a hidden cursor again, and signals are the command's business, not the bar's.
    hideCursor: false,
    gracefulExit: false,
    stream,
  })
  bar.start(total, 0)
  const end = (): void => bar.stop()
  return { advance: () => bar.increment(), end, [Symbol.dispose]: end }
}
