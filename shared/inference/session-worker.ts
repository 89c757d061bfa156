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
const send = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, [...transfer])

try {
  const { session, execution } = await openOnProviders(setup.executionProviders, setup.executionFallback, {
    names: listSupportedBackends().map(({ name }) => name),
    open: (providers) => openSession(setup, providers),
    close: (opened) => opened.release(),
  })
  checkContract(session, setup)
  const run = runner(session, outputNames(setup.input, setup.output))
  const { createTask } = (await import(setup.taskUrl)) as { createTask: CreateTask<unknown, unknown, unknown> }
  const task = createTask(setup.contract)
  // The canary is also the warm-up: the first run allocates and is many times slower.
  await task.checkCanary(run)
  const msPerPicture = await timeOf(task, run)
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
      // At once: megabytes a picture, left to it, would keep the garbage collector busy.
      for (const buffer of message.moved) if (!buffer.detached) buffer.transfer(0)
    })
  })
  send({ kind: 'ready', execution, msPerPicture })
} catch (error) {
  send({ kind: 'failed', error: toPortable(error, 'INFERENCE_FAILED') })
}

/** ms of this thread's processor, the best of a few: so another's work on the machine counts little. */
async function timeOf(task: Task<unknown, unknown>, run: RunNetwork): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  const timed: RunNetwork = async (feeds) => {
    const before = process.threadCpuUsage()
    const outputs = await run(feeds)
    const { user, system } = process.threadCpuUsage(before)
    const pictures = Object.values(feeds)[0]?.dims[0] ?? 1
    best = Math.min(best, (user + system) / 1000 / pictures)
    return outputs
  }
  for (let round = 0; round < 5; round += 1) await task.checkCanary(timed)
  return best
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

/** Tasks know float32 alone; a graph of float16 is fed and read through it. */
function runner(session: InferenceSession, names: readonly string[]): RunNetwork {
  const isHalf = session.inputMetadata.some((value) => value.isTensor && value.type === 'float16')
  return async (feeds) => {
    const inputs: Record<string, OrtTensor> = {}
    for (const [name, { data, dims }] of Object.entries(feeds)) {
      inputs[name] = isHalf ? halfTensor(data, dims) : new OrtTensor('float32', data, [...dims])
    }
    const outputs: Record<string, Tensor> = {}
    for (const [name, { type, data, dims }] of Object.entries(await session.run(inputs, [...names]))) {
      if (data instanceof Float32Array) outputs[name] = { data, dims }
      else if (type === 'float16' && ArrayBuffer.isView(data)) {
        const half = new Float16Array(data.buffer, data.byteOffset, data.byteLength / 2)
        outputs[name] = { data: new Float32Array(half), dims }
      }
    }
    return outputs
  }
}

/** The native side of onnxruntime-node 1.30 takes a Float16Array for an empty one (onnxruntime#32323): it is given the bits. */
function halfTensor(data: Float32Array, dims: readonly number[]): OrtTensor {
  const bits = new Uint16Array(new Float16Array(data).buffer)
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
