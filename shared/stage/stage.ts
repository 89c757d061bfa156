/** What a stage is: a pure function over a batch that answers every input with exactly one outcome, in order. */
import type { SightlineError } from '../errors/errors.ts'

/**
 * The end of one item in a stage.
 *
 * - `done`: what to hand on, as many messages as there are; none is an end as good as any.
 * - `failed`: this item is bad; it becomes a dead letter at once and costs nothing else.
 * - `dropped`: deliberately not handed on (a frame published twice); counted by its reason.
 */
export type Outcome<Out> =
  | { readonly kind: 'done'; readonly out: readonly Out[] }
  | { readonly kind: 'failed'; readonly error: SightlineError }
  | { readonly kind: 'dropped'; readonly reason: string }

/**
 * `process` answers with one outcome per input, in the order of the inputs.
 * It throws only when the world is bad (a retryable SightlineError): nothing is committed and the batch comes again.
 */
export interface Stage<In, Out> {
  readonly name: string
  process(batch: readonly In[], signal: AbortSignal): Promise<readonly Outcome<Out>[]>
}

export const done = <Out>(out: Out): Outcome<Out> => ({ kind: 'done', out: [out] })
export const doneAll = <Out>(out: readonly Out[]): Outcome<Out> => ({ kind: 'done', out })
export const failed = (error: SightlineError): Outcome<never> => ({ kind: 'failed', error })
export const dropped = (reason: string): Outcome<never> => ({ kind: 'dropped', reason })
