/** Calls a command of the command line in this process, with an environment and a stop signal of its own. */
import { type Command, parseCommandLine } from '../../cli/command.ts'

export interface Called {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Rejects with what the command throws. */
export async function call(
  command: Command,
  words: readonly string[],
  { env = {}, stop = new AbortController().signal }: { env?: Record<string, string>; stop?: AbortSignal } = {},
): Promise<Called> {
  const lines = { out: '', err: '' }
  const { values, positionals } = parseCommandLine(command, words)
  const code = await command.run(values, positionals, {
    out: (line) => {
      lines.out += `${line}\n`
    },
    err: (line) => {
      lines.err += `${line}\n`
    },
    isInteractive: false,
    stop,
    env,
  })
  return { code, ...lines }
}
