/** How many workers a network gets on this machine. */
import { availableParallelism } from 'node:os'

export interface WorkerOptions {
  /** Worker threads, each with a network session of its own. */
  readonly workers: number
  /** Threads that onnxruntime uses for one run. */
  readonly threadsPerWorker: number
  /** Most inputs in one run. @default 1 on a CPU, 8 on other providers */
  readonly maxBatch?: number
  /** ms that an idle worker waits for a batch to fill up; 0 takes what is there. @default 0 */
  readonly maxWaitMs?: number
  /** Where the network runs; none is fallen back on silently. @default ['cpu'] */
  readonly executionProviders?: readonly string[]
  /** Where one of them is missing the network runs on the others, or the CPU, and `Session.execution` says so. @default false */
  readonly executionFallback?: boolean
  /** Each worker takes the network's time when it starts. @default false */
  readonly isTimed?: boolean
  /** Told the size of each batch that a worker is given. */
  readonly onBatch?: (size: number) => void
}

/**
 * Most pictures in one run. A core computes pictures one by one no slower than side by side, mostly faster: what a layer leaves
 * is still in its cache. And the runtime keeps memory for the largest batch it ever had.
 */
export const picturesPerRun = (
  input: { readonly maxBatch?: number | undefined },
  { maxBatch, executionProviders = ['cpu'] }: Pick<WorkerOptions, 'maxBatch' | 'executionProviders'>,
): number => input.maxBatch ?? maxBatch ?? (executionProviders.every((name) => name === 'cpu') ? 1 : 8)

/** The forms of a network: 'auto' is the faster one where both answer alike (precision.ts). */
export const precisions = ['auto', 'float', 'int8'] as const

export type Precision = (typeof precisions)[number]

/** Workers, and which form of the network they run. */
export interface FormOptions extends WorkerOptions {
  readonly precision: Precision
}

/**
 * One worker a core, one thread each: independent runs scale better than threads inside one run, which wait for each
 * other at every layer. More than 8 sessions of a network only cost memory.
 */
export function defaultWorkers(cores: number = availableParallelism()): WorkerOptions {
  const workers = Math.min(Math.max(cores, 1), 8)
  return { workers, threadsPerWorker: Math.max(Math.floor(cores / workers), 1) }
}

/** Workers, and the form they run, as a service's settings say; what they leave open is `defaultWorkers`. */
export function workersOf({
  workers,
  workerThreads,
  executionProviders,
  executionFallback,
  networkBatch,
  networkWaitMs,
  precision,
}: {
  readonly workers?: number | undefined
  readonly workerThreads?: number | undefined
  readonly executionProviders: readonly string[]
  readonly executionFallback: boolean
  readonly networkBatch?: number | undefined
  readonly networkWaitMs: number
  readonly precision: Precision
}): FormOptions {
  const cores = availableParallelism()
  const count = workers ?? defaultWorkers(cores).workers
  const threadsPerWorker = workerThreads ?? Math.max(Math.floor(cores / count), 1)
  return {
    workers: count,
    threadsPerWorker,
    executionProviders,
    executionFallback,
    ...(networkBatch !== undefined && { maxBatch: networkBatch }),
    maxWaitMs: networkWaitMs,
    precision,
  }
}
