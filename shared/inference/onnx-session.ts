/** A pool of worker threads, each with its own session of one network; what waits is batched across all callers. */
import { Worker } from 'node:worker_threads'
import { SightlineError } from '../errors/errors.ts'
import { fromPortable } from '../errors/portable-error.ts'
import type { Execution } from './execution-providers.ts'
import type { NetworkOutput } from './graph-check.ts'
import type { InputContract } from './model-manifest.ts'
import { disableTelemetry } from './onnxruntime-telemetry.ts'
import type { Session } from './session.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './worker-protocol.ts'
import { picturesPerRun, type WorkerOptions } from './workers.ts'

export type { WorkerOptions } from './workers.ts'

export interface SessionOptions extends WorkerOptions {
  /** The ONNX file, and what its manifest says of the graph. */
  readonly model: {
    readonly path: string
    readonly manifest: { readonly input: InputContract; readonly output: NetworkOutput }
  }
  /** Module that exports `createTask`. */
  readonly task: URL
  /** Given to `createTask`; must survive a structured clone. */
  readonly contract: unknown
}

/** Workers that die one after the other without an answer in between: it will not get better by itself. */
const maxDeaths = 3

/** Time for a worker to end by itself when the pool is disposed. */
const stopTimeoutMs = 5000

interface Pending<In, Out> {
  readonly input: In
  readonly transfer: readonly ArrayBuffer[]
  readonly since: number
  readonly resolve: (output: Out) => void
  readonly reject: (error: SightlineError) => void
}

interface Started {
  readonly worker: Worker
  readonly execution: Execution
  readonly msPerPicture: number | null
}

interface Slot<In, Out> {
  worker: Worker
  execution: Execution
  /** The batch the worker has; null while it has none. */
  batch: readonly Pending<In, Out>[] | null
  /** Died and not replaced yet. */
  isDead: boolean
}

/**
 * Opens the pool and waits until every worker has answered its canary.
 * Throws MODEL_CORRUPT, MODEL_CONTRACT, MODEL_CANARY or INFERENCE_FAILED with the reason.
 */
export async function openOnnxSession<In, Out>(options: SessionOptions): Promise<Session<In, Out>> {
  const setup = setupOf(options)
  const opened = await Promise.allSettled(Array.from({ length: options.workers }, () => startWorker(setup)))
  const workers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failure = opened.find((one) => one.status === 'rejected')
  if (failure !== undefined) {
    await Promise.all(workers.map(({ worker }) => stopWorker(worker)))
    throw failure.reason
  }
  return new OnnxSession<In, Out>(workers, setup, options)
}

class OnnxSession<In, Out> implements Session<In, Out> {
  readonly closed: Promise<void>
  readonly msPerPicture: number | null
  readonly #end = Promise.withResolvers<void>()
  readonly #slots: Slot<In, Out>[]
  readonly #queue: Pending<In, Out>[] = []
  readonly #setup: WorkerSetup
  readonly #maxBatch: number
  readonly #maxWaitMs: number
  readonly #onBatch: (size: number) => void
  #timer: NodeJS.Timeout | undefined
  #deaths = 0
  #disposing: Promise<void> | undefined
  #failure: SightlineError | undefined
  #idle: (() => void) | undefined

  constructor(workers: readonly Started[], setup: WorkerSetup, options: SessionOptions) {
    this.closed = this.#end.promise
    this.closed.catch(() => undefined) // Told to whoever awaits `closed`; nobody has to.
    const times = workers.flatMap((started) => started.msPerPicture ?? [])
    this.msPerPicture = times.length === 0 ? null : Math.min(...times)
    this.#setup = setup
    this.#maxBatch = picturesPerRun(setup.input, options)
    this.#maxWaitMs = options.maxWaitMs ?? 0
    this.#onBatch = options.onBatch ?? (() => undefined)
    this.#slots = workers.map(({ worker, execution }) => ({ worker, execution, batch: null, isDead: false }))
    for (const slot of this.#slots) this.#attach(slot)
  }

  get queued(): number {
    return this.#queue.length
  }

  get execution(): Execution {
    const all = this.#slots.map(({ execution }) => execution)
    return all.find(({ problem }) => problem !== null) ?? all[0]!
  }

  submit(input: In, transfer: readonly ArrayBuffer[] = []): Promise<Out> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#disposing !== undefined) return Promise.reject(closedError())
    const { promise, resolve, reject } = Promise.withResolvers<Out>()
    this.#queue.push({ input, transfer, since: performance.now(), resolve, reject })
    this.#dispatch()
    return promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose()
    return this.#disposing
  }

  async #dispose(): Promise<void> {
    this.#dispatch()
    if (this.#isBusy()) await new Promise<void>((resolve) => (this.#idle = resolve))
    clearTimeout(this.#timer)
    await Promise.all(this.#slots.map(({ worker }) => stopWorker(worker)))
    this.#end.resolve()
  }

  #isBusy(): boolean {
    return this.#queue.length > 0 || this.#slots.some(({ batch }) => batch !== null)
  }

  /** Gives waiting inputs to idle workers, each a full batch or what has waited long enough. */
  #dispatch(): void {
    clearTimeout(this.#timer)
    for (const slot of this.#slots) {
      if (slot.batch !== null || slot.isDead) continue
      const oldest = this.#queue[0]
      if (oldest === undefined) return
      const waited = performance.now() - oldest.since
      const isDue = this.#queue.length >= this.#maxBatch || waited >= this.#maxWaitMs || this.#disposing !== undefined
      if (!isDue) {
        this.#timer = setTimeout(() => this.#dispatch(), this.#maxWaitMs - waited)
        return
      }
      this.#give(slot, this.#queue.splice(0, this.#share()))
    }
  }

  /** With several workers idle, what waits is shared out: two half batches side by side end before one whole batch. */
  #share(): number {
    const idle = this.#slots.filter(({ batch, isDead }) => batch === null && !isDead).length
    return Math.min(Math.ceil(this.#queue.length / idle), this.#maxBatch)
  }

  #give(slot: Slot<In, Out>, batch: readonly Pending<In, Out>[]): void {
    slot.batch = batch
    this.#onBatch(batch.length)
    const moved = [...new Set(batch.flatMap(({ transfer }) => transfer))]
    const message: ToWorker = { inputs: batch.map(({ input }) => input), moved }
    try {
      slot.worker.postMessage(message, moved)
    } catch (cause) {
      // What can't be cloned or transferred is a mistake of the caller, not of the worker.
      slot.batch = null
      const error = new SightlineError('INFERENCE_FAILED', 'handing over inputs', { cause })
      for (const pending of batch) pending.reject(error)
    }
  }

  #attach(slot: Slot<In, Out>): void {
    const { worker } = slot
    worker.on('message', (message: FromWorker) => {
      if (message.kind !== 'answers') return
      const batch = slot.batch ?? []
      slot.batch = null
      this.#deaths = 0
      for (const [index, pending] of batch.entries()) {
        const answer = message.answers[index]
        if (answer !== undefined && 'output' in answer) pending.resolve(answer.output as Out)
        else pending.reject(answer === undefined ? unanswered() : fromPortable(answer.error))
      }
      this.#next()
    })
    let cause: unknown
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => {
      if (slot.batch !== null || this.#disposing === undefined) void this.#replace(slot, cause)
    })
  }

  #next(): void {
    this.#dispatch()
    if (!this.#isBusy()) this.#idle?.()
  }

  /** A worker that died takes its batch with it; the batch may come again, it need not have been the reason. */
  async #replace(slot: Slot<In, Out>, cause: unknown): Promise<void> {
    const lost = slot.batch ?? []
    slot.batch = null
    slot.isDead = true
    this.#deaths += 1
    const error = new SightlineError('INFERENCE_FAILED', 'an inference worker died', {
      cause,
      retryable: true,
    })
    for (const pending of lost) pending.reject(error)
    if (this.#disposing !== undefined || this.#deaths >= maxDeaths) {
      this.#fail(error)
      return
    }
    try {
      const { worker, execution } = await startWorker(this.#setup)
      slot.worker = worker
      slot.execution = execution
      slot.isDead = false
      this.#attach(slot)
      this.#next()
    } catch (failure) {
      this.#fail(failure)
    }
  }

  /** The pool can't be relied on any more: everything waiting is told, and `closed` rejects. */
  #fail(cause: unknown): void {
    this.#failure = new SightlineError('INFERENCE_FAILED', "inference can't go on", { cause, retryable: true })
    for (const pending of this.#queue.splice(0)) pending.reject(this.#failure)
    this.#end.reject(this.#failure)
    this.#next()
  }
}

function setupOf(options: SessionOptions): WorkerSetup {
  const { model, task, contract, threadsPerWorker, executionProviders, executionFallback, isTimed } = options
  return {
    modelPath: model.path,
    taskUrl: task.href,
    contract,
    threads: threadsPerWorker,
    executionProviders: executionProviders ?? ['cpu'],
    executionFallback: executionFallback ?? false,
    isTimed: isTimed ?? false,
    input: model.manifest.input,
    output: model.manifest.output,
  }
}

function startWorker(setup: WorkerSetup): Promise<Started> {
  disableTelemetry()
  const worker = new Worker(new URL('./session-worker.ts', import.meta.url), { workerData: setup })
  return new Promise((resolve, reject) => {
    worker.once('message', (message: FromWorker) => {
      if (message.kind === 'ready')
        resolve({ worker, execution: message.execution, msPerPicture: message.msPerPicture })
      else reject(message.kind === 'failed' ? fromPortable(message.error) : unanswered())
    })
    worker.once('error', (cause) => {
      reject(new SightlineError('INFERENCE_FAILED', 'an inference worker did not start', { cause }))
    })
  })
}

/** Asks the worker to end, so that native code is not cut off in the middle; insists after a while. */
async function stopWorker(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return // It has ended already.
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const insist = setTimeout(() => void worker.terminate(), stopTimeoutMs)
  worker.postMessage('stop' satisfies ToWorker)
  await exited
  clearTimeout(insist)
}

const closedError = (): SightlineError =>
  new SightlineError('INFERENCE_FAILED', 'the inference session is closed', { retryable: true })

const unanswered = (): SightlineError =>
  new SightlineError('INFERENCE_FAILED', 'an inference worker left an input unanswered')
