/** A stage that runs, as whoever composed it holds it: how it ends, what it says of itself, what /readyz and metrics show. */
import type { Bus, Subscription } from '../bus/bus.ts'
import type { StateScope } from '../contracts/state-keys.ts'
import type { Topics } from '../contracts/topology.ts'
import { SightlineError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import type { Execution } from '../inference/execution-providers.ts'
import type { BatchReport, StageRuntime, Tracer } from '../stage/run-stage.ts'
import type { Check } from './health.ts'

/** A network at work in a stage. */
export interface RunningNetwork {
  readonly execution: Execution
  /** Rejects when its workers can't go on. */
  readonly closed: Promise<void>
}

/** Disposing takes no more messages, finishes and commits those under way, then closes what the stage opened. */
export interface RunningStage extends AsyncDisposable {
  readonly name: string
  readonly subscription: Subscription
  readonly network: RunningNetwork | null
  readonly checks: readonly Check[]
  /** Rejects when the stage can't go on. */
  readonly closed: Promise<void>
}

/** What a stage is opened on: drivers and listeners, the same kinds in a service and in the embedded mode. */
export interface StagePorts {
  readonly bus: Bus
  readonly topics: Topics
  /** Consumer group of a stage. */
  readonly group: (stage: string) => string
  /** Whose state this is, where several deployments share one. */
  readonly deployment: Omit<StateScope, 'group'>
  readonly log: Logger
  readonly report: (report: BatchReport) => void
  readonly tracer?: Tracer | undefined
  /** ms since the epoch. */
  readonly now: () => number
  /** Told the size of each batch that a network is given. */
  readonly onNetworkBatch?: (stage: string, size: number) => void
  /** Tries again while what is needed is away, and says so. @default it is tried once */
  readonly whenThere?: <T>(what: string, open: () => Promise<T>) => Promise<T>
}

export const runtimeOf = (stage: string, ports: StagePorts, maxBatch: number): StageRuntime => ({
  bus: ports.bus,
  group: ports.group(stage),
  maxBatch,
  report: ports.report,
  tracer: ports.tracer,
  now: ports.now,
})

/** Shows what the bus has to say of a stage's input: a topic that is gone, an open transaction that holds it, lost messages. */
export const inputCheck = (subscription: Pick<Subscription, 'troubles'>): Check => ({
  name: 'input',
  isRequired: false,
  async check() {
    const troubles = subscription.troubles()
    if (troubles.length > 0) throw new SightlineError('BUS_UNAVAILABLE', troubles.join('; '))
  },
})

/** What a network adds to its stage's checks: that it lives, and that it runs where it was asked to. */
export const networkChecks = (network: RunningNetwork): readonly Check[] => [
  {
    name: 'execution-provider',
    isRequired: false,
    async check() {
      const { problem } = network.execution
      if (problem !== null) throw new SightlineError('EXECUTION_PROVIDER', problem)
    },
  },
  { name: 'model', isRequired: true, check: () => Promise.race([network.closed, Promise.resolve()]) },
]
