/** The `sightline` command line: finds the command, runs it, and ends with 0 (done), 1 (failed) or 2 (wrong usage). */
import process from 'node:process'
import { describeError, SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { type Command, parseCommandLine, type Terminal } from './command.ts'
import { dlqListCommand, dlqRedriveCommand, dlqShowCommand } from './commands/dlq.ts'
import { evalCommand } from './commands/eval.ts'
import { galleryAddCommand, galleryBuildCommand } from './commands/gallery-build.ts'
import { galleryCheckCommand } from './commands/gallery-check.ts'
import { galleryListCommand, galleryRemoveCommand } from './commands/gallery-list.ts'
import { galleryShowCommand, galleryStatsCommand, galleryThresholdCommand } from './commands/gallery-show.ts'
import { galleryExportCommand, galleryImportCommand } from './commands/gallery-transfer.ts'
import { modelsListCommand, modelsRemoveCommand, modelsUseCommand, modelsVerifyCommand } from './commands/models.ts'
import { modelsAddCommand, modelsPullCommand } from './commands/models-pull.ts'
import { modelsQuantizeCommand } from './commands/models-quantize.ts'
import { publishCommand } from './commands/publish.ts'
import { recognizeCommand } from './commands/recognize.ts'
import { runCommand } from './commands/run.ts'
import { statusCommand } from './commands/status.ts'
import { topicsCreateCommand, topicsListCommand } from './commands/topics.ts'
import { watchCommand } from './commands/watch.ts'

const commands: readonly Command[] = [
  recognizeCommand,
  runCommand,
  galleryBuildCommand,
  galleryAddCommand,
  galleryRemoveCommand,
  galleryListCommand,
  galleryShowCommand,
  galleryStatsCommand,
  galleryCheckCommand,
  galleryThresholdCommand,
  galleryExportCommand,
  galleryImportCommand,
  evalCommand,
  modelsListCommand,
  modelsPullCommand,
  modelsAddCommand,
  modelsQuantizeCommand,
  modelsUseCommand,
  modelsVerifyCommand,
  modelsRemoveCommand,
  topicsCreateCommand,
  topicsListCommand,
  publishCommand,
  watchCommand,
  statusCommand,
  dlqListCommand,
  dlqShowCommand,
  dlqRedriveCommand,
]

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    'sightline: what is in view, where, and which gallery item it is',
    '',
    'Usage: sightline COMMAND [OPTIONS]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'sightline COMMAND --help shows the options and an example.',
  ].join('\n')
}

/** Finds the command whose words begin `words`; throws USAGE. */
function findCommand(words: readonly string[]): { readonly command: Command; readonly rest: readonly string[] } {
  for (const command of commands) {
    const name = command.name.split(' ')
    if (name.every((word, index) => words[index] === word)) return { command, rest: words.slice(name.length) }
  }
  const group = commands.filter(({ name }) => name.startsWith(`${words[0]} `)).map(({ name }) => name)
  if (group.length > 0) throw usageError(`which one? ${group.map((name) => `sightline ${name}`).join(', ')}`)
  throw usageError(`there is no command '${words[0]}'. See sightline --help`)
}

async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  if (words.length === 0 || words[0] === '--help' || words[0] === '-h' || words[0] === 'help') {
    terminal.out(overview())
    return words.length === 0 ? 2 : 0
  }
  const { command, rest } = findCommand(words)
  const { values, positionals } = parseCommandLine(command, rest)
  if (values['help'] === true) {
    terminal.out(command.help)
    return 0
  }
  return command.run(values, positionals, terminal)
}

/** process.exit would wait for native code in the workers, or crash in it. */
const endAtOnce = (): boolean => process.kill(process.pid, 'SIGKILL')

/** The first signal asks the command to finish; a second one ends the process at once. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) endAtOnce()
      process.stderr.write('finishing what is under way; a second signal ends at once\n')
      controller.abort()
    })
  }
  return controller.signal
}

/** A reader that goes away (`| head`) ends the output, not the program with a stack trace. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  endAtOnce()
})

try {
  process.exitCode = await main(process.argv.slice(2), {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    isInteractive: process.stderr.isTTY === true,
    stop: stopOnSignal(),
    env: process.env,
  })
} catch (error) {
  process.stderr.write(`sightline: ${explain(error)}\n`)
  process.exitCode = error instanceof SightlineError && error.code === 'USAGE' ? 2 : 1
}

/** What a person can act on is one line; only an error of ours brings its stack. */
function explain(error: unknown): string {
  const isSystem = error instanceof Error && 'syscall' in error
  if (error instanceof SightlineError || isSystem) return describeError(error)
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
