/** What the headers of a dead letter say: why a message could not be processed, where, and whether it came again. */
import type { Headers, Publication } from '../bus/bus.ts'
import type { ErrorCode } from '../errors/errors.ts'

/** Which frame a message between the stages is about; on dead letters too. */
export const frameIdHeader = 'frame-id'

/** Header of a message published again from the dead letters: the position it was first published at. */
export const redriveOfHeader = 'redrive-of'

/** How often a message was published again before it failed this time. */
export const redrivesHeader = 'redrives'

/** On a message without a value in a dead-letter topic: the letter at this position was published again. */
export const redrivenHeader = 'dlq-redriven'

/** Says of a letter without its message how many bytes that had. */
export const leftOutHeader = 'dlq-left-out'

const names = {
  stage: 'dlq-stage',
  code: 'dlq-code',
  reason: 'dlq-reason',
  position: 'dlq-position',
  time: 'dlq-time',
  leftOut: leftOutHeader,
} as const

export interface LetterFacts {
  readonly stage: string
  readonly code: ErrorCode
  readonly reason: string
  /** Where the message lay that the letter is about. */
  readonly position: string
  /** ISO 8601. */
  readonly time: string
  /** Bytes of a message that was too large for the letter and is not in it. */
  readonly leftOut?: number
}

export function letterHeaders({ stage, code, reason, position, time, leftOut }: LetterFacts): Headers {
  return {
    [names.stage]: stage,
    [names.code]: code,
    [names.reason]: reason,
    [names.position]: position,
    [names.time]: time,
    ...(leftOut === undefined ? {} : { [names.leftOut]: String(leftOut) }),
  }
}

/** As letters are found: anyone may write to a topic, so everything may be missing. */
export interface FoundLetter {
  readonly frameId: string
  readonly stage: string
  readonly code: string
  readonly reason: string
  readonly position: string
  readonly time: string | null
  /** Null where the message is in the letter. */
  readonly leftOut: number | null
  readonly redrives: number
}

export function readLetterHeaders(headers: Headers): FoundLetter {
  const leftOut = headers[names.leftOut]
  return {
    frameId: headers[frameIdHeader] ?? '',
    stage: headers[names.stage] ?? '',
    code: headers[names.code] || 'INTERNAL',
    reason: headers[names.reason] ?? '',
    position: headers[names.position] ?? '',
    time: headers[names.time] || null,
    leftOut: leftOut === undefined ? null : count(leftOut),
    redrives: count(headers[redrivesHeader]),
  }
}

/** 0 for what is no count. */
const count = (text = ''): number => (/^\d{1,15}$/.test(text) ? Number(text) : 0)

/** Whether a message of a dead-letter topic is no letter, but says that one was published again. */
export const isRedriveMark = ({ headers, value }: Pick<Publication, 'headers' | 'value'>): boolean =>
  value === null && headers[redrivenHeader] !== undefined

/** Headers that tell of a failure; a message that is published again leaves them behind. */
export const isLetterHeader = (name: string): boolean => name.startsWith('dlq-')
