/** The settings of what runs a stage: on a bus, on Kafka, with a network. */
import { precisions } from '../inference/workers.ts'
import { settingGroup } from './settings.ts'
import { take } from './take.ts'

/** On any bus. */
export const stageSettings = settingGroup({
  maxBatch: { schema: take.integer(1, 1000).default(16), help: 'most messages of a partition between two commits' },
})

/** On Kafka. */
export const deliverySettings = settingGroup({
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
    help: "after so long without a sign of life another instance takes over; restart a killed one no sooner; no less than the broker's group.min.session.timeout.ms",
  },
})

/** Where the models lie. */
export const modelsSettings = settingGroup({
  models: {
    schema: take.text().optional(),
    help: 'models folder; the models that come with Sightline where not given',
    flag: { value: 'DIR' },
  },
})

/** Of a stage that runs a network. */
export const networkSettings = settingGroup({
  ...modelsSettings.settings,
  workers: {
    schema: take.integer(1, 64).optional(),
    help: 'worker threads, each with the network once; one a core where not given',
  },
  workerThreads: { schema: take.integer(1, 256).optional(), help: 'threads of one run of the network' },
  executionProviders: {
    schema: take.list().default(['cpu']),
    help: "where the network runs, first choice first: cpu, cuda, … as onnxruntime calls them; it fails where it can't",
    flag: { name: 'execution-provider', value: 'P', join: (names) => names.join(',') },
  },
  executionFallback: {
    schema: take.switch().default(false),
    help: 'run on the CPU where a provider is missing, and say so',
    flag: {},
  },
  precision: {
    schema: take.choice(precisions).default('auto'),
    help: 'auto runs the int8 form of a model where it is there, close enough and faster on this machine; float or int8 decide it',
    flag: { value: 'FORM' },
  },
  networkBatch: {
    schema: take.integer(1, 256).optional(),
    help: 'most pictures in one run of the network [1 on a CPU, where more only cost memory; 8 elsewhere]',
  },
  networkWaitMs: { schema: take.number(0, 1000).default(0), help: 'how long an idle worker waits for that many' },
})
