/** A worker thread's entry: one network session, made once, with the task around it. The only file that knows onnxruntime. */
import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, listSupportedBackends, Tensor as OrtTensor } from 'onnxruntime-node'
import { SightlineError } from '../errors/errors.ts'
import { toPortable } from '../errors/portable-error.ts'
import { openOnProviders } from './execution-providers.ts'
import { type GraphValue, graphProblem, outputNames } from './graph-check.ts'
import type { CreateTask, RunNetwork, Task, Tensor } from './session.ts'
import type { FromWorker, ItemAnswer, ToWorker, WorkerSetup } from './worker-protocol.ts'

const setup = workerData as WorkerSetup
const port = parentPort
if (port === null) throw new Error('session-worker.ts runs as a worker thread')
/** Shorter times are mostly rounding. */
const leastTimedMs = 60
const send = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, [...transfer])

try {
  const { session, execution } = await openOnProviders(setup.executionProviders, setup.executionFallback, {
    names: listSupportedBackends().map(({ name }) => name),
    open: (providers) => openSession(setup, providers),
    close: (opened) => opened.release(),
  })
  checkContract(session, setup)
  const made: ArrayBuffer[] = []
  const run = runner(session, outputNames(setup.input, setup.output), made)
  const { createTask } = (await import(setup.taskUrl)) as { createTask: CreateTask<unknown, unknown, unknown> }
  const task = createTask(setup.contract)
  // The canary is also the warm-up: the first run allocates and is many times slower.
  await task.checkCanary(run)
  const msPerPicture = setup.isTimed ? await timeOf(task, run) : null
  free(made.splice(0))
  port.on('message', (message: ToWorker) => {
    if (message === 'stop') {
      session.release().then(
        () => port.close(),
        () => port.close(),
      )
      return
    }
    answer(task, message.inputs, run).then(({ answers, transfer }) => {
      send({ kind: 'answers', answers }, transfer)
      free(message.moved)
      free(made.splice(0))
    })
  })
  send({ kind: 'ready', execution, msPerPicture })
} catch (error) {
  send({ kind: 'failed', error: toPortable(error, 'INFERENCE_FAILED') })
}

/** At once: megabytes a picture, left to it, would keep the garbage collector busy. What the answers took along is gone already. */
function free(buffers: readonly ArrayBuffer[]): void {
  for (const buffer of buffers) if (!buffer.detached) buffer.transfer(0)
}

/**
 * ms of this thread's processor for a picture: of other work on the machine little is seen in it. The system counts in steps of
 * some ms, so it takes a while.
 */
async function timeOf(task: Task<unknown, unknown>, run: RunNetwork): Promise<number> {
  let pictures = 0
  let spent = 0
  const timed: RunNetwork = async (feeds) => {
    const before = process.threadCpuUsage()
    const outputs = await run(feeds)
    const { user, system } = process.threadCpuUsage(before)
    spent += (user + system) / 1000
    pictures += Object.values(feeds)[0]?.dims[0] ?? 1
    return outputs
  }
  for (let round = 0; round < 2 || (round < 50 && spent < leastTimedMs); round += 1) await task.checkCanary(timed)
  return spent / pictures
}

async function openSession(options: WorkerSetup, providers: readonly string[]): Promise<InferenceSession> {
  return await InferenceSession.create(options.modelPath, {
    executionProviders: [...providers],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    graphOptimizationLevel: 'all',
    // Workers share the cores: a thread that spins while it waits takes time from another's run.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }).catch((cause: unknown) => {
    throw new SightlineError('MODEL_CORRUPT', `${options.modelPath} can't be opened`, {
      cause,
    })
  })
}

/** The graph must have the inputs and outputs that the manifest promises. */
function checkContract(session: InferenceSession, { modelPath, input, output }: WorkerSetup): void {
  const values = (metadata: readonly InferenceSession.ValueMetadata[]): GraphValue[] =>
    metadata.map((value) => ({
      name: value.name,
      type: value.isTensor ? value.type : 'no tensor',
      shape: value.isTensor ? value.shape : [],
    }))
  const graph = { inputs: values(session.inputMetadata), outputs: values(session.outputMetadata) }
  const problem = graphProblem(input, output, graph)
  if (problem !== null) throw new SightlineError('MODEL_CONTRACT', `${modelPath} does not fit its manifest: ${problem}`)
}

/** Tasks know float32 alone; a graph of float16 is fed and read through it. What a run leaves behind is added to `made`. */
function runner(session: InferenceSession, names: readonly string[], made: ArrayBuffer[]): RunNetwork {
  const isHalf = session.inputMetadata.some((value) => value.isTensor && value.type === 'float16')
  const keep = <T extends ArrayBufferView>(view: T): T => {
    if (view.buffer instanceof ArrayBuffer) made.push(view.buffer)
    return view
  }
  return async (feeds) => {
    const inputs: Record<string, OrtTensor> = {}
    for (const [name, { data, dims }] of Object.entries(feeds)) {
      inputs[name] = isHalf ? halfTensor(keep(new Float16Array(data)), dims) : new OrtTensor('float32', data, [...dims])
    }
    const outputs: Record<string, Tensor> = {}
    for (const [name, { type, data, dims }] of Object.entries(await session.run(inputs, [...names]))) {
      if (data instanceof Float32Array) outputs[name] = { data: keep(data), dims }
      else if (type === 'float16' && ArrayBuffer.isView(data)) {
        const half = new Float16Array(keep(data).buffer, data.byteOffset, data.byteLength / 2)
        outputs[name] = { data: keep(new Float32Array(half)), dims }
      }
    }
    return outputs
  }
}

/** The native side of onnxruntime-node 1.30 takes a Float16Array for an empty one (onnxruntime#32323): it is given the bits. */
function halfTensor({ buffer }: Float16Array, dims: readonly number[]): OrtTensor {
  const bits = new Uint16Array(buffer)
  return Object.defineProperty(new OrtTensor('float16', bits, [...dims]), 'cpuData', { value: bits })
}

interface Answers {
  readonly answers: readonly ItemAnswer[]
  readonly transfer: readonly ArrayBuffer[]
}

/** A batch that fails is tried item by item, so that one that can't be computed fails alone. */
async function answer(task: Task<unknown, unknown>, inputs: readonly unknown[], run: RunNetwork): Promise<Answers> {
  try {
    const { outputs, transfer } = await task.process(inputs, run)
    return { answers: outputs.map((output) => ({ output })), transfer }
  } catch (error) {
    if (inputs.length === 1) return { answers: [{ error: toPortable(error, 'INFERENCE_FAILED') }], transfer: [] }
  }
  const single: Answers[] = []
  for (const input of inputs) single.push(await answer(task, [input], run))
  return { answers: single.flatMap(({ answers }) => answers), transfer: single.flatMap(({ transfer }) => transfer) }
}
