/** The life of a process: settings, start, readiness, and an end that loses nothing and is never silent. */
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import pRetry from 'p-retry'
import pTimeout from 'p-timeout'
import { describeError, SightlineError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import { Health } from './health.ts'
import { openHttpServer, processRoutes, type Routes } from './http-server.ts'
import { openLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { processSettings } from './process-settings.ts'
import {
  combine,
  type Environment,
  readSettings,
  type SettingGroup,
  type Settings,
  type SettingValues,
  unknownVariables,
  type ValuesOf,
} from './settings.ts'
import { describeVariables } from './settings-help.ts'

/** What a process starts on. Everything opened goes onto `scope`; it is closed in the reverse order. */
export interface ProcessContext {
  readonly log: Logger
  readonly health: Health
  readonly metrics: Metrics
  readonly scope: AsyncDisposableStack
  readonly environment: Environment
  readonly readFile: (path: string) => Promise<string>
  /** Aborts when the process was asked to end. */
  readonly stop: AbortSignal
  /** Tries again while what it needs is away, and says so in the log and in /readyz. */
  readonly whenThere: <T>(what: string, open: () => Promise<T>) => Promise<T>
}

export interface ProcessDeclaration<Declared extends Settings> {
  readonly name: string
  /** One line for `--help`. */
  readonly summary: string
  /** Beside those of every process. */
  readonly settings: SettingGroup<Declared>
  /** Beside /livez, /readyz and /metrics. */
  readonly routes?: Routes
  /** Resolves when it works; what it returns rejects when that can't go on. */
  readonly start: (
    values: SettingValues<Declared>,
    context: ProcessContext,
  ) => Promise<{ readonly closed: Promise<void> }>
}

/**
 * How far the heap grows between two full collections: to four times what is in use, not a third more. V8 counts the pixels
 * that are under way as growth, and a service's own heap is so small that every dozen frames would start a collection.
 */
const heapGrowth = '--heap-growing-percent=300'

/**
 * Runs a process until SIGTERM or SIGINT. Exit code 0 after a drain, 1 when it could not start or go on, 2 for wrong
 * settings. A second signal ends the process at once, and so does a drain that takes longer than allowed.
 */
export async function runProcess<Declared extends Settings>(declared: ProcessDeclaration<Declared>): Promise<void> {
  setFlagsFromString(heapGrowth)
  const { name, summary, routes = {} } = declared
  const settings = combine(processSettings, declared.settings as SettingGroup)
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(`${helpOf(name, summary, settings, routes)}\n`)
    return
  }
  let values: ValuesOf<typeof processSettings>
  try {
    values = await readSettings(settings, { environment: process.env, readFile: readText })
  } catch (error) {
    // Unlike a log line, what a person reads keeps its lines.
    const problem = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${name}: ${problem}\nnode services/${name}/main.ts --help lists all settings\n`)
    process.exitCode = 2
    return
  }
  const log = openLog(name, values.logLevel, (line) => process.stdout.write(line), values.logFormat)
  const unknown = unknownVariables(settings, process.env)
  if (unknown.length > 0) log.warn({ variables: unknown }, 'variables that are no settings of this service')
  try {
    const start = (context: ProcessContext) => declared.start(values as unknown as SettingValues<Declared>, context)
    await live(start, routes, values, log, stopOnSignal(log))
    log.info({}, 'stopped')
    process.exit(0)
  } catch (error) {
    log.error({ err: error }, 'ended')
    process.exit(error instanceof SightlineError && isOfSettings(error) ? 2 : 1)
  }
}

/** What a restart changes nothing about. */
const isOfSettings = ({ code }: SightlineError): boolean => ['CONFIG_INVALID', 'MODEL_MISSING'].includes(code)

async function live(
  start: (context: ProcessContext) => Promise<{ readonly closed: Promise<void> }>,
  routes: Routes,
  { httpHost: host, httpPort, drainSeconds }: ValuesOf<typeof processSettings>,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  const health = new Health()
  const metrics = new Metrics(health)
  const allRoutes = { ...processRoutes(health, metrics), ...routes }
  await using http = await openHttpServer({ host, port: httpPort, routes: allRoutes, log })
  log.info({ pid: process.pid, port: http.port }, 'starting')
  const scope = new AsyncDisposableStack()
  const whenThere: ProcessContext['whenThere'] = (what, open) => retry(what, open, { log, health, stop })
  try {
    const context = { log, health, metrics, scope, environment: process.env, readFile: readText, stop, whenThere }
    const running = await start(context)
    health.phase = 'running'
    log.info({}, 'ready')
    await Promise.race([running.closed, aborted(stop)])
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    health.phase = 'draining'
    log.info({}, 'draining')
    await drain(scope, drainSeconds)
  }
}

/** What was opened last goes first: stages, then what they run on, the broker last. */
async function drain(scope: AsyncDisposableStack, seconds: number): Promise<void> {
  const message = new SightlineError('TIMEOUT', `draining took longer than SIGHTLINE_DRAIN_SECONDS=${seconds}`)
  await pTimeout(scope.disposeAsync(), { milliseconds: seconds * 1000, message })
}

async function retry<T>(
  what: string,
  open: () => Promise<T>,
  { log, health, stop }: Pick<ProcessContext, 'log' | 'health' | 'stop'>,
): Promise<T> {
  const opened = await pRetry(open, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 500,
    maxTimeout: 10_000,
    signal: stop,
    shouldRetry: ({ error }) => error instanceof SightlineError && error.retryable,
    onFailedAttempt({ error, attemptNumber: attempt }) {
      health.waitingFor = `${what}: ${describeError(error)}`
      log.warn({ err: error, attempt }, `waiting for ${what}`)
    },
  })
  health.waitingFor = null
  return opened
}

const readText = (path: string): Promise<string> => readFile(path, 'utf8')

/** process.exit waits for nothing, but native code in the workers may keep it waiting. */
const endAtOnce = (): boolean => process.kill(process.pid, 'SIGKILL')

function stopOnSignal(log: Logger): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) endAtOnce()
      log.info({ signal }, 'asked to stop; a second signal ends at once')
      controller.abort()
    })
  }
  return controller.signal
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

const helpOf = (name: string, summary: string, settings: SettingGroup, routes: Routes): string =>
  [
    `${name}: ${summary}`,
    '',
    `Usage: node services/${name}/main.ts`,
    '',
    'Settings are environment variables [default]:',
    '',
    describeVariables(settings),
    '',
    'Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where it is set; all variables of OpenTelemetry work.',
    `GET ${['/livez', '/readyz', '/metrics', ...Object.keys(routes)].join(', ')} on the HTTP port.`,
  ].join('\n')
