/** The life of a service's process: settings, start, readiness, and an end that loses nothing and is never silent. */
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaBus } from '../bus/kafka/kafka-bus.ts'
import { defaultMessageLimit, topicNames } from '../contracts/topics.ts'
import { describeError, SightlineError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import type { StageRuntime } from '../stage/run-stage.ts'
import { Health } from './health.ts'
import { openHttpServer } from './http-server.ts'
import { kafkaConnection } from './kafka-settings.ts'
import { logReport, openLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { compressionOf, type serviceSettings } from './service-settings.ts'
import { describeSettings, readSettings, type Settings, type SettingValues, unknownVariables } from './settings.ts'

/** What a service starts on. Everything opened goes onto `scope`; it is closed in the reverse order. */
export interface ServiceContext {
  readonly runtime: Omit<StageRuntime, 'group'>
  readonly bus: KafkaBus
  readonly log: Logger
  readonly health: Health
  readonly metrics: Metrics
  readonly scope: AsyncDisposableStack
  /** Aborts when the process was asked to end. */
  readonly stop: AbortSignal
  /** Consumer group of a stage. */
  readonly group: (stage: string) => string
  /** Tries again while what it needs is away, and says so in the log and in /readyz. */
  readonly whenThere: <T>(what: string, open: () => Promise<T>) => Promise<T>
}

export interface Service<Declared extends Settings> {
  readonly name: string
  /** One line for `--help`. */
  readonly summary: string
  readonly settings: Declared & typeof serviceSettings
  /** Topics that it reads or writes. */
  readonly topics: (topics: StageRuntime['topics']) => readonly string[]
  /** Resolves when frames are processed; what it returns rejects when that can't go on. */
  readonly start: (
    values: SettingValues<Declared & typeof serviceSettings>,
    context: ServiceContext,
  ) => Promise<{ readonly closed: Promise<void> }>
}

const retryFirstMs = 500
const retryMaxMs = 10_000

/**
 * Runs a service until SIGTERM or SIGINT. Exit code 0 after a drain, 1 when it could not start or go on, 2 for wrong
 * settings. A second signal ends the process at once, and so does a drain that takes longer than allowed.
 */
export async function runService<Declared extends Settings>(service: Service<Declared>): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(`${helpOf(service)}\n`)
    return
  }
  const read = (path: string) => readFile(path, 'utf8')
  let values: SettingValues<Declared & typeof serviceSettings>
  try {
    values = await readSettings(service.settings, process.env, read)
  } catch (error) {
    process.stderr.write(
      `${service.name}: ${describeLines(error)}\nnode services/${service.name}/main.ts --help lists all settings\n`,
    )
    process.exitCode = 2
    return
  }
  const common: SettingValues<typeof serviceSettings> = values
  const log = openLog(service.name, common.logLevel, (line) => process.stdout.write(line))
  const unknown = unknownVariables(service.settings, process.env)
  if (unknown.length > 0) log.warn({ variables: unknown }, 'variables that are no settings of this service')
  const stop = stopOnSignal(log)
  try {
    await live(service, values, common, log, stop)
    log.info({}, 'stopped')
    process.exit(0)
  } catch (error) {
    log.error({ err: error }, `ended: ${describeError(error)}`)
    process.exit(error instanceof SightlineError && error.code === 'CONFIG_INVALID' ? 2 : 1)
  }
}

async function live<Declared extends Settings>(
  service: Service<Declared>,
  values: SettingValues<Declared & typeof serviceSettings>,
  common: SettingValues<typeof serviceSettings>,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  const health = new Health()
  const metrics = new Metrics(health)
  await using outer = new AsyncDisposableStack()
  const http = outer.use(await openHttpServer({ host: common.httpHost, port: common.httpPort, health, metrics, log }))
  const scope = new AsyncDisposableStack()
  const topics = topicNames(common.topicPrefix)
  const connection = await kafkaConnection(common, (path) => readFile(path, 'utf8'))
  const bus = scope.use(
    new KafkaBus({
      ...connection,
      maxMessageBytes: defaultMessageLimit,
      logger: log,
      delivery: common.delivery,
      times: { sessionTimeoutMs: common.sessionTimeoutSeconds * 1000 },
      compression: compressionOf(topics, common.compression),
    }),
  )
  // Loaded only where it is asked for: it patches nothing, but it is large.
  // An empty variable is as good as none, here too.
  const tracing = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] || process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  const tracer = !tracing ? undefined : scope.use((await import('./tracing.ts')).openTracer(service.name, log))
  const needed = service.topics(topics)
  health.add({ name: 'kafka', isRequired: true, check: () => bus.assertTopics(needed) })
  const runtime = {
    bus,
    topics,
    maxBatch: common.maxBatch,
    tracer,
    now: Date.now,
    report(report: Parameters<StageRuntime['report']>[0]) {
      metrics.observe(report)
      logReport(log, report)
    },
  }
  const whenThere: ServiceContext['whenThere'] = (what, open) => retry(what, open, { log, health, stop })
  const group = (stage: string): string => `${common.topicPrefix}sightline-${stage}`
  log.info({ pid: process.pid, port: http.port, brokers: common.kafkaBrokers, delivery: common.delivery }, 'starting')
  let running: { readonly closed: Promise<void> } | undefined
  try {
    await whenThere('Kafka', () => bus.assertTopics(needed))
    running = await service.start(values, { runtime, bus, log, health, metrics, scope, stop, group, whenThere })
    health.phase = 'running'
    log.info({}, 'ready')
    await Promise.race([running.closed, aborted(stop)])
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    health.phase = 'draining'
    log.info({}, 'draining')
    await drain(scope, common.drainSeconds)
  }
}

/** Stages first, then what they run on, the broker last. */
async function drain(scope: AsyncDisposableStack, seconds: number): Promise<void> {
  const end = new AbortController()
  const late = sleep(seconds * 1000, true, { signal: end.signal, ref: false }).catch(() => false)
  const isLate = await Promise.race([scope.disposeAsync().then(() => false), late])
  end.abort()
  if (isLate) throw new SightlineError('TIMEOUT', `draining took longer than SIGHTLINE_DRAIN_SECONDS=${seconds}`)
}

async function retry<T>(
  what: string,
  open: () => Promise<T>,
  { log, health, stop }: Pick<ServiceContext, 'log' | 'health' | 'stop'>,
): Promise<T> {
  for (let wait = retryFirstMs; ; wait = Math.min(wait * 2, retryMaxMs)) {
    try {
      const opened = await open()
      health.waitingFor = null
      return opened
    } catch (error) {
      if (!(error instanceof SightlineError && error.retryable)) throw error
      health.waitingFor = `${what}: ${describeError(error)}`
      log.warn({ err: error, retryInMs: wait }, `waiting for ${what}`)
      await sleep(wait, undefined, { signal: stop })
    }
  }
}

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

const helpOf = ({ name, summary, settings }: Pick<Service<Settings>, 'name' | 'summary' | 'settings'>): string =>
  [
    `${name}: ${summary}`,
    '',
    `Usage: node services/${name}/main.ts`,
    '',
    'Settings are environment variables [default]:',
    '',
    describeSettings(settings),
    '',
    'Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where it is set; all variables of OpenTelemetry work.',
    'GET /livez, /readyz and /metrics on the HTTP port.',
  ].join('\n')

/** Unlike a log line, what a person reads keeps its lines. */
const describeLines = (error: unknown): string => (error instanceof Error ? error.message : String(error))
