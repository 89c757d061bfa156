/** Errors that cross a thread: a class does not survive the structured clone, its code and text do. */
import { describeError, type ErrorCode, SightlineError } from './errors.ts'

export interface PortableError {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
}

/** What is no SightlineError takes the `fallback` code and keeps its text. */
export function toPortable(error: unknown, fallback: ErrorCode): PortableError {
  if (error instanceof SightlineError)
    return { code: error.code, message: describeError(error), retryable: error.retryable }
  return { code: fallback, message: describeError(error), retryable: false }
}

export const fromPortable = ({ code, message, retryable }: PortableError): SightlineError =>
  new SightlineError(code, message, { retryable })
