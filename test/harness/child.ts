/** A process started by a test: its output is kept, and it never outlives the test run, not even one killed by -9. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface ChildOptions {
  readonly cwd?: string
  /** The whole environment of the process. @default this process's */
  readonly env?: NodeJS.ProcessEnv
}

export interface Child extends AsyncDisposable {
  readonly pid: number
  /** Resolves with the exit code; 128 + number for a signal. */
  readonly exited: Promise<number>
  /** The last 64 KiB of what it wrote to stdout and stderr. */
  output(): string
  /** Calls back for every further line of stdout. */
  onLine(listener: (line: string) => void): void
  signal(signal: NodeJS.Signals): void
  /** SIGTERM, and resolves with the exit code. */
  stop(): Promise<number>
}

/**
 * The shell between us and the process watches our end of its stdin: when we are gone, however that happened,
 * it ends the process. Its first line on fd 3 is the process's own id.
 */
const guard = `
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
child=$!
echo "$child" >&3
exec 3>&-
( cat <&4 >/dev/null; kill -9 "$child" ) &
watch=$!
wait "$child"
code=$?
kill -9 "$watch"
exit "$code"
`
const keptOutput = 64 * 1024

export async function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Promise<Child> {
  const shell = spawn('sh', ['-c', guard, 'sh', command, ...args], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    ...options,
  })
  let kept = ''
  for (const stream of [shell.stdout!, shell.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      kept = (kept + text).slice(-keptOutput)
    })
  }
  const exited = once(shell, 'exit').then(([code, signal]) => {
    shell.stdin!.destroy()
    return code ?? (signal === null ? 1 : 128)
  })
  const lines = createInterface({ input: shell.stdio[3] as NodeJS.ReadableStream })
  const [first] = (await once(lines, 'line')) as [string]
  lines.close()
  const pid = Number(first)
  let running = true
  void exited.then(() => {
    running = false
  })

  const signal = (name: NodeJS.Signals) => {
    if (running) process.kill(pid, name)
  }
  const stop = () => {
    signal('SIGTERM')
    return exited
  }
  return {
    pid,
    exited,
    output: () => kept,
    onLine: (listener) => createInterface({ input: shell.stdout! }).on('line', listener),
    signal,
    stop,
    [Symbol.asyncDispose]: async () => {
      signal('SIGKILL')
      await exited
    },
  }
}
