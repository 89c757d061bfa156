/** The one runner of all stages: decode, process, publish or dead-letter. Every message ends in exactly one of these, and only here is it counted. */
import type { Bus, Delivery, Handler, Headers, Publication, Subscription } from '../bus/bus.ts'
import { assertMessageSize } from '../bus/message-size.ts'
import { positionText } from '../contracts/ids.ts'
import { deadLetterTopic, type Topics } from '../contracts/topics.ts'
import { describeError, SightlineError } from '../service/errors.ts'
import { failed, type Outcome, type Stage } from './stage.ts'

/** What one handler call came to; `failed`, `dropped` and `skipped` count by error code or reason. */
export interface BatchReport {
  readonly stage: string
  readonly size: number
  readonly seconds: number
  readonly done: number
  readonly failed: Readonly<Record<string, number>>
  readonly dropped: Readonly<Record<string, number>>
  readonly skipped: Readonly<Record<string, number>>
}

/** What every stage runs on, passed in by the process that composes it. */
export interface StageRuntime {
  readonly bus: Bus
  readonly topics: Topics
  /** Consumer group; its instances share the partitions. */
  readonly group: string
  /** Most messages of a partition between two commits. */
  readonly maxBatch: number
  readonly report: (report: BatchReport) => void
  /** ms since the epoch. */
  readonly now: () => number
}

/** A stage between two topics. */
export interface StageWiring<In, Out> {
  readonly input: string
  readonly stage: Stage<In, Out>
  /** Throws a non-retryable SightlineError where the message can't be read. */
  readonly decode: (delivery: Delivery) => In
  readonly encode: (out: Out) => Publication
  /** Id of the frame that a message is about. */
  readonly frameId: (delivery: Delivery) => string
  /** Why an output stands for a frame that was not computed; null where it was. */
  readonly skipped: (out: Out) => string | null
}

/** Headers that follow a frame through all topics. */
const carried = ['traceparent', 'tracestate'] as const
export const frameIdHeader = 'frame-id'
const maxReasonLength = 500

/** Subscribes a stage to its input topic. */
export function startStage<In, Out>(runtime: StageRuntime, wiring: StageWiring<In, Out>): Promise<Subscription> {
  const { bus, group, maxBatch } = runtime
  const { maxMessageBytes } = bus
  return bus.subscribe({ group, topic: wiring.input, maxBatch }, stageHandler({ ...runtime, maxMessageBytes }, wiring))
}

/**
 * Makes the bus handler of a stage. It throws only where the world is bad; an unexpected error is tracked down by
 * processing the batch one by one, so that a single poisonous item becomes a dead letter and the others go on.
 */
export function stageHandler<In, Out>(
  { report, now, maxMessageBytes }: Pick<StageRuntime, 'report' | 'now'> & Pick<Bus, 'maxMessageBytes'>,
  { stage, decode, encode, frameId, skipped }: Omit<StageWiring<In, Out>, 'input'>,
): Handler {
  /** An answer that the next topic does not take is a bad item: the bus would refuse it again and again. */
  const toPublication = (out: Out, delivery: Delivery) => {
    const encoded = encode(out)
    const headers = { ...carriedHeaders(delivery), [frameIdHeader]: frameId(delivery), ...encoded.headers }
    const publication = { ...encoded, headers }
    try {
      assertMessageSize(publication, maxMessageBytes)
      return { kind: 'publication', publication, skipped: skipped(out) } as const
    } catch (error) {
      return { kind: 'failed', error: itemError(error) } as const
    }
  }

  return async (batch, signal) => {
    const started = now()
    const outcomes = await processBatch(stage, decodeBatch(batch, decode), signal)
    const counts = { done: 0, failed: {}, dropped: {}, skipped: {} }
    const publications: Publication[] = []
    for (const [index, outcome] of outcomes.entries()) {
      const delivery = batch[index]!
      const end = outcome.kind === 'done' ? toPublication(outcome.out, delivery) : outcome
      if (end.kind === 'publication') {
        counts.done += 1
        publications.push(end.publication)
        if (end.skipped !== null) count(counts.skipped, end.skipped)
      } else if (end.kind === 'failed') {
        count(counts.failed, end.error.code)
        publications.push(deadLetter(stage.name, delivery, frameId(delivery), end.error, now()))
      } else {
        count(counts.dropped, end.reason)
      }
    }
    report({ stage: stage.name, size: batch.length, seconds: (now() - started) / 1000, ...counts })
    return publications
  }
}

/** The original message with the reason it could not be processed, for `<topic>.dlq`. */
export function deadLetter(
  stage: string,
  delivery: Delivery,
  frameId: string,
  error: SightlineError,
  time: number,
): Publication {
  return {
    topic: deadLetterTopic(delivery.topic),
    key: delivery.key,
    value: delivery.value,
    headers: {
      ...delivery.headers,
      [frameIdHeader]: frameId,
      'dlq-stage': stage,
      'dlq-code': error.code,
      'dlq-reason': error.message.slice(0, maxReasonLength),
      'dlq-position': positionText(delivery),
      'dlq-time': new Date(time).toISOString(),
    },
  }
}

type Decoded<In> = { readonly input: In } | { readonly error: SightlineError }

function decodeBatch<In>(batch: readonly Delivery[], decode: (delivery: Delivery) => In): readonly Decoded<In>[] {
  return batch.map((delivery) => {
    try {
      return { input: decode(delivery) }
    } catch (error) {
      return { error: itemError(error) }
    }
  })
}

async function processBatch<In, Out>(
  stage: Stage<In, Out>,
  decoded: readonly Decoded<In>[],
  signal: AbortSignal,
): Promise<readonly Outcome<Out>[]> {
  const inputs = decoded.flatMap((item) => ('input' in item ? [item.input] : []))
  const outcomes = await processIsolating(stage, inputs, signal)
  let next = 0
  return decoded.map((item) => ('input' in item ? outcomes[next++]! : failed(item.error)))
}

async function processIsolating<In, Out>(
  stage: Stage<In, Out>,
  inputs: readonly In[],
  signal: AbortSignal,
): Promise<readonly Outcome<Out>[]> {
  if (inputs.length === 0) return []
  try {
    const outcomes = await stage.process(inputs, signal)
    if (outcomes.length === inputs.length) return outcomes
    throw new SightlineError('INTERNAL', `${stage.name} answered ${inputs.length} inputs with ${outcomes.length}`)
  } catch (error) {
    if (signal.aborted || (error instanceof SightlineError && error.retryable)) throw error
    if (inputs.length === 1) return [failed(itemError(error))]
  }
  const outcomes: Outcome<Out>[] = []
  for (const input of inputs) outcomes.push(...(await processIsolating(stage, [input], signal)))
  return outcomes
}

/** Unexpected errors of one item keep their text: it is the only trace of the bug that the dead letter carries. */
function itemError(error: unknown): SightlineError {
  if (error instanceof SightlineError) return error
  return new SightlineError('INTERNAL', `unexpected: ${describeError(error)}`, { cause: error })
}

function carriedHeaders(delivery: Delivery): Headers {
  return Object.fromEntries(
    carried.flatMap((name) => {
      const value = delivery.headers[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

/** The frame id that the stage before put into a message's headers; its position where it did not. */
export const carriedFrameId = (delivery: Delivery): string => delivery.headers[frameIdHeader] ?? positionText(delivery)
