/** The settings that all three services have. */
import type { Compression } from '../bus/kafka/kafka-options.ts'
import type { Topics } from '../contracts/topics.ts'
import { kafkaSettings } from './kafka-settings.ts'
import { logLevels } from './log.ts'
import { take } from './settings.ts'

export const serviceSettings = {
  ...kafkaSettings,
  delivery: {
    schema: take.choice(['exactly-once', 'at-least-once']).default('exactly-once'),
    help: 'exactly-once, or at-least-once: quicker, readers see some events again after failures, with the same ids',
  },
  compression: {
    schema: take.choice(['zstd', 'none']).default('zstd'),
    help: 'of embeddings and recognition events; pictures are compressed already',
  },
  sessionTimeoutSeconds: {
    schema: take.number(1, 300).default(6),
    help: 'after so long without a sign of life another instance takes over; restart a killed one no sooner',
  },
  maxBatch: { schema: take.integer(1, 1000).default(16), help: 'most messages of a partition between two commits' },
  httpHost: { schema: take.text().default('0.0.0.0'), help: 'address for /livez, /readyz and /metrics' },
  httpPort: { schema: take.integer(0, 65535).default(8080), help: 'port for them; 0 takes a free one' },
  logLevel: {
    schema: take.choice(logLevels).default('info'),
    help: 'debug, info, warn or error; debug tells of every frame',
  },
  drainSeconds: { schema: take.number(1, 3600).default(30), help: 'time to finish what is under way after SIGTERM' },
} as const

/** The settings of a service that runs a network. */
export const networkSettings = {
  models: {
    schema: take.text().optional(),
    help: 'models folder; the models that come with Sightline where not given',
  },
  workers: {
    schema: take.integer(1, 64).optional(),
    help: 'worker threads, each with the network once; one a core where not given',
  },
  workerThreads: { schema: take.integer(1, 256).optional(), help: 'threads of one run of the network' },
  executionProviders: {
    schema: take.list().default(['cpu']),
    help: "where the network runs, first choice first: cpu, cuda, … as onnxruntime calls them; it fails where it can't",
  },
  executionFallback: {
    schema: take.switch().default(false),
    help: 'true runs on the CPU where a provider is missing; /readyz and sightline_execution_provider tell',
  },
  networkBatch: { schema: take.integer(1, 256).default(8), help: 'most pictures in one run of the network' },
  networkWaitMs: { schema: take.number(0, 1000).default(0), help: 'how long an idle worker waits for that many' },
} as const

/** Events are JSON and shrink to a third; a picture or a crop does not. */
export const compressionOf =
  (topics: Topics, compression: Compression) =>
  (topic: string): Compression =>
    topic === topics.embeddings || topic === topics.recognitions ? compression : 'none'
