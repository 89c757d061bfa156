/** How a frame ended, as readers of the answers see it: a recognition event, or a dead letter of one of the stages. */
import type { Delivery } from '../bus/bus.ts'
import { readLetterHeaders } from './dead-letter.ts'
import type { RecognitionEvent } from './recognition-event.ts'

export type DeadLetterAnswer = {
  readonly kind: 'deadLetter'
  readonly frameId: string
  readonly stage: string
  readonly code: string
  readonly reason: string
}

export type Answer =
  | { readonly kind: 'event'; readonly frameId: string; readonly event: RecognitionEvent }
  | DeadLetterAnswer

/** What became of frames; the books are closed where every frame ended in an event or a dead letter. */
export interface Summary {
  readonly frames: number
  readonly events: number
  /** Of the events, those of frames that were not computed. */
  readonly skipped: number
  readonly deadLettered: number
}

/** What a message of the recognitions topic says, of a pipeline that is ours. */
export function eventAnswer({ value }: Delivery): Answer {
  const event = JSON.parse(new TextDecoder().decode(value ?? undefined)) as RecognitionEvent
  return { kind: 'event', frameId: event.id, event }
}

/** What a message of a dead-letter topic says. */
export function deadLetterOf({ headers }: Delivery): DeadLetterAnswer {
  const { frameId, stage, code, reason } = readLetterHeaders(headers)
  return { kind: 'deadLetter', frameId, stage, code, reason }
}
