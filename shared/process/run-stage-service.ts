/** A process that runs one stage on Kafka: the broker, the stage's topics, its place in health, metrics, log and traces. */
import { KafkaBus } from '../bus/kafka/kafka-bus.ts'
import { defaultMessageLimit } from '../contracts/dead-letter-topics.ts'
import { compressionFor, type Party, topicNames, topicsOf } from '../contracts/topology.ts'
import type { BatchReport } from '../stage/run-stage.ts'
import { kafkaConnection, kafkaSettings } from './kafka-settings.ts'
import { logReport } from './log.ts'
import { type ProcessContext, runProcess } from './run-process.ts'
import type { RunningStage, StagePorts } from './running-stage.ts'
import { combine, type SettingGroup, type Settings, type SettingValues, type ValuesOf } from './settings.ts'
import { deliverySettings } from './stage-settings.ts'

/** What every such process has beside its stage's own settings. */
export const stageServiceSettings = combine(kafkaSettings, deliverySettings)

export interface StageService<Declared extends Settings> {
  readonly name: Exclude<Party, 'you'>
  /** One line for `--help`. */
  readonly summary: string
  /** Of the stage. */
  readonly settings: SettingGroup<Declared>
  readonly open: (values: SettingValues<Declared>, ports: StagePorts) => Promise<RunningStage>
}

export async function runStageService<Declared extends Settings>(service: StageService<Declared>): Promise<void> {
  const { name, summary, open } = service
  await runProcess({
    name,
    summary,
    settings: combine(stageServiceSettings, service.settings as SettingGroup),
    async start(values, context) {
      const ports = await openPorts(name, values, context)
      const stage = context.scope.use(await open(values as unknown as SettingValues<Declared>, ports))
      for (const check of stage.checks) context.health.add(check)
      context.metrics.watch(stage, ports.now)
      return stage
    },
  })
}

async function openPorts(
  name: StageService<Settings>['name'],
  values: ValuesOf<typeof stageServiceSettings>,
  { log, health, metrics, scope, environment, readFile, whenThere }: ProcessContext,
): Promise<StagePorts> {
  const topics = topicNames(values.topicPrefix)
  const bus = scope.use(
    new KafkaBus({
      ...(await kafkaConnection(values, readFile)),
      maxMessageBytes: defaultMessageLimit,
      logger: log,
      delivery: values.delivery,
      times: { sessionTimeoutMs: values.sessionTimeoutSeconds * 1000 },
      compression: compressionFor(topics, values.compression),
    }),
  )
  // An empty variable is as good as none, here too.
  const isTraced = environment['OTEL_EXPORTER_OTLP_ENDPOINT'] || environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  // Loaded only where it is asked for: it patches nothing, but it is large.
  const tracer = isTraced ? scope.use((await import('./tracing.ts')).openTracer(name, log)) : undefined
  const needed = topicsOf(name, topics)
  health.add({ name: 'kafka', isRequired: true, check: () => bus.assertTopics(needed) })
  log.info({ brokers: values.kafkaBrokers, delivery: values.delivery }, 'connecting to Kafka')
  await whenThere('Kafka', () => bus.assertTopics(needed))
  const cluster = await whenThere('Kafka', () => bus.clusterId())
  return {
    bus,
    topics,
    group: (stage) => `${values.topicPrefix}sightline-${stage}`,
    deployment: { cluster, prefix: values.topicPrefix },
    log,
    report(report: BatchReport) {
      metrics.observe(report)
      logReport(log, report)
    },
    tracer,
    now: Date.now,
    onNetworkBatch: (stage, size) => metrics.observeNetworkBatch(stage, size),
    whenThere,
  }
}
