/** The one runner of all stages: decode, process, publish or dead-letter. Every message ends in exactly one of these, and only here is it counted. */
import type { Bus, Delivery, Handler, Headers, Publication, Subscription } from '../bus/bus.ts'
import { assertMessageSize } from '../bus/message-size.ts'
import { positionText } from '../bus/position.ts'
import { describeError, SightlineError } from '../errors/errors.ts'
import { deadLetter } from './dead-letters.ts'
import { failed, type Outcome, type Stage } from './stage.ts'

/** How one message ended in a stage. */
export interface MessageEnd {
  /** Of what the message is about: a frame. */
  readonly id: string
  /** Topic, partition and offset, as text. */
  readonly position: string
  /** The W3C trace that it is part of; undefined where it has none. */
  readonly traceparent: string | undefined
  /** `skipped` is handed on like `done`, for what was not computed. */
  readonly kind: 'done' | 'skipped' | 'failed' | 'dropped'
  /** The error code, or why it was skipped or dropped; null where it was done. */
  readonly reason: string | null
  /** What the dead letter says; null for all others. */
  readonly error: string | null
  /** Messages handed on; a dead letter is none. */
  readonly outputs: number
  /** Seconds from the origin of what it is about (a frame's capture) to now; null where it was not handed on, or has none. */
  readonly ageSeconds: number | null
}

/** What one handler call came to, one end a message. It may come again: what is not committed is handled again. */
export interface BatchReport {
  readonly stage: string
  /** What its messages are about: `frame`. */
  readonly subject: string
  readonly seconds: number
  readonly ends: readonly MessageEnd[]
}

/** One message's time in a stage, as a part of its trace. */
export interface Span {
  /** Go with whatever becomes of the message. */
  readonly headers: Headers
  end(end: MessageEnd): void
  /** The world was bad: the message will come again. */
  abandon(error: unknown): void
}

/** Makes the spans of a stage. */
export interface Tracer {
  start(stage: string, delivery: Delivery, about: { readonly subject: string; readonly id: string }): Span
}

/** What every stage runs on, passed in by the process that composes it. */
export interface StageRuntime {
  readonly bus: Bus
  /** Consumer group; its instances share the partitions. */
  readonly group: string
  /** Most messages of a partition between two commits. */
  readonly maxBatch: number
  readonly report: (report: BatchReport) => void
  /** @default a trace is handed on, and nothing is added to it */
  readonly tracer?: Tracer | undefined
  /** ms since the epoch. */
  readonly now: () => number
}

/** What the messages of a stage are about: the contract of its topics tells, the runner only carries it along. */
export interface Subject<Out> {
  /** One word, as `frame`: logs, traces and metrics are named by it. */
  readonly name: string
  /** Of a message that comes in, also where it can't be decoded. */
  readonly id: (delivery: Delivery) => string
  /** Go with every output and dead letter, so that the next stage knows the id. */
  readonly headers: (id: string) => Headers
  /** Why an output stands for something that was not computed; null where it was. */
  readonly skipped: (out: Out) => string | null
  /** When what it is about began (a frame: was captured), in ms since the epoch; null where that says nothing. */
  readonly since: (out: Out) => number | null
}

/** A stage behind a topic. */
export interface StageWiring<In, Out> {
  readonly input: string
  readonly stage: Stage<In, Out>
  readonly subject: Subject<Out>
  /** Throws a non-retryable SightlineError where the message can't be read. */
  readonly decode: (delivery: Delivery) => In
  readonly encode: (out: Out) => Publication
}

/** W3C trace context; it follows what a message is about through all topics. */
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
  { stage, subject, decode, encode }: Omit<StageWiring<In, Out>, 'input'>,
): Handler {
  /** Throws BUS_MESSAGE_TOO_LARGE: what the next topic does not take is a bad item, the bus would refuse it again and again. */
  const toPublication = (out: Out, headers: Headers): Publication => {
    const encoded = encode(out)
    const publication = { ...encoded, headers: { ...headers, ...encoded.headers } }
    assertMessageSize(publication, maxMessageBytes)
    return publication
  }

  const finish = (outcome: Outcome<Out>, delivery: Delivery, id: string, span: Span): Finished => {
    const traceparent = span.headers['traceparent']
    const known = { id, position: positionText(delivery), traceparent, error: null, outputs: 0, ageSeconds: null }
    const headers = { ...span.headers, ...subject.headers(id) }
    const bury = (error: SightlineError): Finished => ({
      publications: [deadLetter(delivery, headers, { stage: stage.name, error, time: now() }, maxMessageBytes)],
      end: { ...known, kind: 'failed', reason: error.code, error: describeError(error) },
    })
    if (outcome.kind === 'dropped')
      return { publications: [], end: { ...known, kind: 'dropped', reason: outcome.reason } }
    if (outcome.kind === 'failed') return bury(outcome.error)
    try {
      // All outputs of a message or none: with one that can't be published, all are in the dead letter.
      const publications = outcome.out.map((out) => toPublication(out, headers))
      const reason = first(outcome.out, subject.skipped)
      const since = first(outcome.out, subject.since)
      const ageSeconds = since === null ? null : Math.max(now() - since, 0) / 1000
      const kind = reason === null ? 'done' : 'skipped'
      return { publications, end: { ...known, kind, reason, outputs: publications.length, ageSeconds } }
    } catch (error) {
      return bury(itemError(error))
    }
  }

  return async (batch, signal) => {
    const started = now()
    const ids = batch.map(subject.id)
    const spans = batch.map((delivery, index) =>
      tracer.start(stage.name, delivery, { subject: subject.name, id: ids[index]! }),
    )
    try {
      const outcomes = await processBatch(stage, decodeBatch(batch, decode), signal)
      const finished = outcomes.map((outcome, index) => finish(outcome, batch[index]!, ids[index]!, spans[index]!))
      const ends = finished.map(({ end }) => end)
      for (const [index, end] of ends.entries()) spans[index]!.end(end)
      report({ stage: stage.name, subject: subject.name, seconds: (now() - started) / 1000, ends })
      return finished.flatMap(({ publications }) => publications)
    } catch (error) {
      for (const span of spans) span.abandon(error)
      throw error
    }
  }
}

interface Finished {
  readonly publications: readonly Publication[]
  readonly end: MessageEnd
}

function first<Out, Found>(outputs: readonly Out[], of: (out: Out) => Found | null): Found | null {
  for (const out of outputs) {
    const found = of(out)
    if (found !== null) return found
  }
  return null
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
