/** A worker thread's entry: one network session, made once, with the task around it. The only file that knows onnxruntime. */
import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describeError, SightlineError } from '../service/errors.ts'
import { toPortable } from '../service/portable-error.ts'
import type { CreateTask, RunNetwork, Task, Tensor } from './session.ts'
import type { FromWorker, ItemAnswer, ToWorker, WorkerSetup } from './worker-protocol.ts'

const setup = workerData as WorkerSetup
const port = parentPort
if (port === null) throw new Error('session-worker.ts runs as a worker thread')
const send = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, [...transfer])

try {
  const session = await openSession(setup)
  const run = runner(session)
  const { createTask } = (await import(setup.taskUrl)) as { createTask: CreateTask<unknown, unknown, unknown> }
  const task = createTask(setup.contract)
  // The canary is also the warm-up: the first run allocates and is many times slower.
  await task.checkCanary(run)
  port.on('message', (message: ToWorker) => {
    if (message === 'stop') {
      session.release().then(
        () => port.close(),
        () => port.close(),
      )
      return
    }
    answer(task, message.inputs, run).then(({ answers, transfer }) => send({ kind: 'answers', answers }, transfer))
  })
  send({ kind: 'ready' })
} catch (error) {
  send({ kind: 'failed', error: toPortable(error, 'INFERENCE_FAILED') })
}

async function openSession(options: WorkerSetup): Promise<InferenceSession> {
  const session = await InferenceSession.create(options.modelPath, {
    executionProviders: [...options.executionProviders],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    graphOptimizationLevel: 'all',
    // Workers share the cores: a thread that spins while it waits takes time from another's run.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }).catch((cause: unknown) => {
    throw new SightlineError('MODEL_CORRUPT', `${options.modelPath} can't be opened: ${describeError(cause)}`, {
      cause,
    })
  })
  checkContract(session, options)
  return session
}

/** The graph must have the inputs and outputs that the manifest promises. */
function checkContract(session: InferenceSession, options: WorkerSetup): void {
  const problem = (what: string): SightlineError =>
    new SightlineError('MODEL_CONTRACT', `${options.modelPath} does not fit its manifest: ${what}`)
  if (session.inputNames.length !== 1 || session.inputNames[0] !== options.inputName) {
    throw problem(`the graph's input is ${session.inputNames.join(', ')}, the manifest's ${options.inputName}`)
  }
  const missing = options.outputNames.filter((name) => !session.outputNames.includes(name))
  if (missing.length > 0) {
    throw problem(`the graph's outputs are ${session.outputNames.join(', ')}, the manifest names ${missing.join(', ')}`)
  }
  const metadata = session.inputMetadata[0]
  if (metadata?.isTensor === true) {
    const shape = metadata.shape.slice(1)
    const fits =
      shape.length === 3 && shape.every((size, axis) => typeof size === 'string' || size === options.inputShape[axis])
    if (!fits)
      throw problem(`the graph takes [N, ${shape.join(', ')}], the manifest says [N, ${options.inputShape.join(', ')}]`)
  }
}

function runner(session: InferenceSession): RunNetwork {
  return async (feeds) => {
    const inputs: Record<string, OrtTensor> = {}
    for (const [name, { data, dims }] of Object.entries(feeds)) inputs[name] = new OrtTensor('float32', data, [...dims])
    const outputs: Record<string, Tensor> = {}
    for (const [name, { data, dims }] of Object.entries(await session.run(inputs))) {
      if (data instanceof Float32Array) outputs[name] = { data, dims }
    }
    return outputs
  }
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
