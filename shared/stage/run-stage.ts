/** The one runner of all stages: decode, process, publish or dead-letter. Every message ends in exactly one of these, and only here is it counted. */
import type { Bus, Delivery, Handler, Headers, Publication, Subscription } from '../bus/bus.ts'
import { assertMessageSize } from '../bus/message-size.ts'
import { positionText } from '../bus/position.ts'
import { frameIdHeader } from '../contracts/dead-letter.ts'
import type { Topics } from '../contracts/topics.ts'
import { describeError, SightlineError } from '../errors/errors.ts'
import { deadLetter } from './dead-letters.ts'
import { failed, type Outcome, type Stage } from './stage.ts'

/** How one message ended in a stage. */
export interface MessageEnd {
  readonly frameId: string
  /** Topic, partition and offset, as text. */
  readonly position: string
  /** The W3C trace that the frame is part of; undefined where it has none. */
  readonly traceparent: string | undefined
  /** `skipped` is handed on like `done`, for a frame that was not computed. */
  readonly kind: 'done' | 'skipped' | 'failed' | 'dropped'
  /** The error code, or why it was skipped or dropped; null where it was done. */
  readonly reason: string | null
  /** What the dead letter says; null for all others. */
  readonly error: string | null
  /** Seconds from the frame's capture to now; null where it was not handed on. */
  readonly ageSeconds: number | null
}

/** What one handler call came to, one end a message. It may come again: what is not committed is handled again. */
export interface BatchReport {
  readonly stage: string
  readonly seconds: number
  readonly ends: readonly MessageEnd[]
}

/** One message's time in a stage, as a part of its frame's trace. */
export interface Span {
  /** Go with whatever becomes of the message. */
  readonly headers: Headers
  end(end: MessageEnd): void
  /** The world was bad: the message will come again. */
  abandon(error: unknown): void
}

/** Makes the spans of a stage. */
export interface Tracer {
  start(stage: string, delivery: Delivery, frameId: string): Span
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
  /** @default a frame's trace is handed on, and nothing is added to it */
  readonly tracer?: Tracer | undefined
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
  /** When the output's frame was captured, in ms since the epoch. */
  readonly capturedAt: (out: Out) => number
}

/** W3C trace context; it follows a frame through all topics. */
const traceHeaders = ['traceparent', 'tracestate'] as const

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
  {
    report,
    now,
    maxMessageBytes,
    tracer = carrier,
  }: Pick<StageRuntime, 'report' | 'now' | 'tracer'> & Pick<Bus, 'maxMessageBytes'>,
  { stage, decode, encode, frameId, skipped, capturedAt }: Omit<StageWiring<In, Out>, 'input'>,
): Handler {
  /** An answer that the next topic does not take is a bad item: the bus would refuse it again and again. */
  const toPublication = (out: Out, headers: Headers): Publication | SightlineError => {
    const encoded = encode(out)
    const publication = { ...encoded, headers: { ...headers, ...encoded.headers } }
    try {
      assertMessageSize(publication, maxMessageBytes)
      return publication
    } catch (error) {
      return itemError(error)
    }
  }

  const finish = (outcome: Outcome<Out>, delivery: Delivery, id: string, span: Span): Finished => {
    const traceparent = span.headers['traceparent']
    const known = { frameId: id, position: positionText(delivery), traceparent, error: null, ageSeconds: null }
    const headers = { ...span.headers, [frameIdHeader]: id }
    const bury = (error: SightlineError): Finished => ({
      publication: deadLetter(delivery, headers, { stage: stage.name, error, time: now() }, maxMessageBytes),
      end: { ...known, kind: 'failed', reason: error.code, error: describeError(error) },
    })
    if (outcome.kind === 'dropped')
      return { publication: null, end: { ...known, kind: 'dropped', reason: outcome.reason } }
    if (outcome.kind === 'failed') return bury(outcome.error)
    const publication = toPublication(outcome.out, headers)
    if (publication instanceof SightlineError) return bury(publication)
    const reason = skipped(outcome.out)
    const ageSeconds = Math.max(now() - capturedAt(outcome.out), 0) / 1000
    return { publication, end: { ...known, kind: reason === null ? 'done' : 'skipped', reason, ageSeconds } }
  }

  return async (batch, signal) => {
    const started = now()
    const ids = batch.map(frameId)
    const spans = batch.map((delivery, index) => tracer.start(stage.name, delivery, ids[index]!))
    try {
      const outcomes = await processBatch(stage, decodeBatch(batch, decode), signal)
      const finished = outcomes.map((outcome, index) => finish(outcome, batch[index]!, ids[index]!, spans[index]!))
      for (const [index, { end }] of finished.entries()) spans[index]!.end(end)
      report({ stage: stage.name, seconds: (now() - started) / 1000, ends: finished.map(({ end }) => end) })
      return finished.flatMap(({ publication }) => publication ?? [])
    } catch (error) {
      for (const span of spans) span.abandon(error)
      throw error
    }
  }
}

interface Finished {
  readonly publication: Publication | null
  readonly end: MessageEnd
}

/** The tracer of a process that traces nothing: a frame's trace goes on past it. */
const carrier: Tracer = {
  start: (_stage, { headers }) => ({
    headers: Object.fromEntries(
      traceHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
    ),
    end: () => undefined,
    abandon: () => undefined,
  }),
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
  return new SightlineError('INTERNAL', 'unexpected', { cause: error })
}

/** The frame id that the stage before put into a message's headers; its position where it did not. */
export const carriedFrameId = (delivery: Delivery): string => delivery.headers[frameIdHeader] ?? positionText(delivery)
