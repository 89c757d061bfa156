/** The numbers of a service for Prometheus: what came in, how it ended, how long it took, how far behind it is. */
import pTimeout from 'p-timeout'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Subscription } from '../bus/bus.ts'
import type { Execution } from '../inference/execution-providers.ts'
import type { BatchReport } from '../stage/run-stage.ts'
import type { Health } from './health.ts'
import type { RunningStage } from './running-stage.ts'

const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const ageBuckets = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600]
const countBuckets = [1, 2, 4, 8, 16, 32, 64]

/** How long a scrape waits for the broker's answer about the lag. */
const lagWithinMs = 2000

export class Metrics {
  readonly contentType: string
  readonly #registry = new Registry()
  readonly #in = this.#counter('sightline_messages_in_total', 'Messages handled; again where a batch came again', [
    'stage',
  ])
  readonly #out = this.#counter('sightline_messages_out_total', 'Messages handed on', ['stage'])
  readonly #dead = this.#counter('sightline_messages_dead_total', 'Dead letters, by error code', ['stage', 'code'])
  readonly #dropped = this.#counter('sightline_messages_dropped_total', 'Dropped, by reason', ['stage', 'reason'])
  readonly #skipped = this.#counter('sightline_frames_skipped_total', 'Not computed, by reason', ['stage', 'reason'])
  readonly #batchSize = this.#histogram('sightline_batch_size', 'Messages between two commits', ['stage'], countBuckets)
  readonly #seconds = this.#histogram('sightline_stage_seconds', 'Time for a batch', ['stage'], secondsBuckets)
  readonly #age = this.#histogram(
    'sightline_frame_age_seconds',
    'Time since the capture when the stage was done with a frame',
    ['stage'],
    ageBuckets,
  )
  readonly #networkBatch = this.#histogram(
    'sightline_network_batch_size',
    'Pictures in a run of the network',
    ['stage'],
    countBuckets,
  )

  constructor(health: Health) {
    this.contentType = this.#registry.contentType
    collectDefaultMetrics({ register: this.#registry })
    const up = new Gauge({
      name: 'sightline_dependency_up',
      help: '1 where the dependency answers',
      labelNames: ['dependency'],
      registers: [this.#registry],
      collect: async () => {
        for (const { name, problem } of await health.results()) up.set({ dependency: name }, problem === null ? 1 : 0)
      },
    })
  }

  /** The text that Prometheus reads. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  observe({ stage, seconds, ends }: BatchReport): void {
    this.#in.inc({ stage }, ends.length)
    this.#batchSize.observe({ stage }, ends.length)
    this.#seconds.observe({ stage }, seconds)
    for (const { kind, reason, outputs, ageSeconds } of ends) {
      if (outputs > 0) this.#out.inc({ stage }, outputs)
      if (kind === 'skipped') this.#skipped.inc({ stage, reason: reason ?? '' })
      if (kind === 'failed') this.#dead.inc({ stage, code: reason ?? '' })
      if (kind === 'dropped') this.#dropped.inc({ stage, reason: reason ?? '' })
      if (ageSeconds !== null) this.#age.observe({ stage }, ageSeconds)
    }
  }

  observeNetworkBatch(stage: string, size: number): void {
    this.#networkBatch.observe({ stage }, size)
  }

  /** What a running stage tells at each scrape. */
  watch(
    { name, subscription, network }: Pick<RunningStage, 'name' | 'subscription' | 'network'>,
    now: () => number,
  ): void {
    this.#watchSubscription(name, subscription, now)
    this.#watchLost(name, subscription)
    if (network !== null) this.#watchExecution(name, network)
  }

  /** Where a stage's network runs. */
  #watchExecution(stage: string, session: { readonly execution: Execution }): void {
    new Gauge({
      name: 'sightline_execution_provider',
      help: '1 for each execution provider that the network runs on',
      labelNames: ['stage', 'provider'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const provider of session.execution.providers) this.set({ stage, provider }, 1)
      },
    })
  }

  /** How far a stage is behind. */
  #watchSubscription(stage: string, subscription: Subscription, now: () => number): void {
    new Gauge({
      name: 'sightline_oldest_unprocessed_seconds',
      help: 'Age of the oldest message that waits here; 0 where none waits',
      labelNames: ['stage'],
      registers: [this.#registry],
      collect() {
        const oldest = subscription.oldest()
        this.set({ stage }, oldest === null ? 0 : Math.max(now() - oldest, 0) / 1000)
      },
    })
    new Gauge({
      name: 'sightline_lag_messages',
      help: 'Messages published and not committed, in the partitions of this process; NaN where the broker does not say',
      labelNames: ['stage'],
      registers: [this.#registry],
      async collect() {
        const fallback = () => Number.NaN
        // Why the broker does not answer is told by its check and by the bus's log.
        const lag = pTimeout(subscription.lag(), { milliseconds: lagWithinMs, fallback }).catch(fallback)
        this.set({ stage }, await lag)
      },
    })
  }

  /** Messages that the log let go of before they were read. */
  #watchLost(stage: string, subscription: Pick<Subscription, 'lost'>): void {
    let told = 0
    new Counter({
      name: 'sightline_messages_lost_total',
      help: 'Deleted by the retention of the topic before they were read',
      labelNames: ['stage'],
      registers: [this.#registry],
      collect() {
        const lost = subscription.lost()
        this.inc({ stage }, Math.max(lost - told, 0))
        told = lost
      },
    })
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] })
  }
}
