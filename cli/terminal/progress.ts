/** A progress bar for work that takes more than a moment, where a person is watching; silence elsewhere. */
import { SingleBar } from 'cli-progress'
import type { Terminal } from '../command.ts'

export interface Progress extends Disposable {
  advance(): void
  end(): void
}

const nothing = (): void => undefined

export function openProgress(terminal: Pick<Terminal, 'isInteractive'>, what: string, total: number): Progress {
  if (!terminal.isInteractive || total < 2) return { advance: nothing, end: nothing, [Symbol.dispose]: nothing }
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total}  {eta_formatted} left`,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  })
  bar.start(total, 0)
  const end = (): void => bar.stop()
  return { advance: () => bar.increment(), end, [Symbol.dispose]: end }
}
