/** The session port: a model with its pre- and post-processing, running off the event loop. */
import type { Execution } from './execution-providers.ts'

/** A tensor of float32 values in row-major order. */
export interface Tensor {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

/** Runs the network once; keys are the graph's input and output names. Only called inside a worker. */
export type RunNetwork = (feeds: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>

/**
 * What a worker does around its network: pure pre- and post-processing, beside the service it belongs to.
 * A task module exports `createTask`.
 */
export interface Task<In, Out> {
  /** One answer per input, in order; `transfer` lists buffers of the answers to hand over without a copy. */
  process(
    batch: readonly In[],
    run: RunNetwork,
  ): Promise<{ readonly outputs: readonly Out[]; readonly transfer: readonly ArrayBuffer[] }>
  /** Runs once at start-up; throws MODEL_CANARY with the reason when the network does not answer as recorded. */
  checkCanary(run: RunNetwork): Promise<void>
}

/** `contract` is the JSON-serializable value given to `openSession`. */
export type CreateTask<Contract, In, Out> = (contract: Contract) => Task<In, Out>

/** A pool of workers, each with one network session made once; inputs of any caller are batched together. */
export interface Session<In, Out> extends AsyncDisposable {
  /** Queues one input. `transfer` buffers are moved to the worker and must not be used afterwards. */
  submit(input: In, transfer?: readonly ArrayBuffer[]): Promise<Out>
  /** Inputs waiting for a worker right now. */
  readonly queued: number
  /** Where the network runs; of a worker that fell back, if one did. */
  readonly execution: Execution
  /** ms of a processor that the network takes for a picture of its canary, in the quickest worker; null where it was not timed. */
  readonly msPerPicture: number | null
  /** Rejects when a worker died and can't be replaced; resolves when disposed. */
  readonly closed: Promise<void>
}
