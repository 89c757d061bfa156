/** Every error a person or a retry loop has to act on: one class, one list of codes, and whether trying again can help. */

/** What went wrong, from a closed list: codes are part of the public contract (dead letters, JSON output, metrics labels). */
export const errorCodes = [
  'IMAGE_EMPTY',
  'IMAGE_UNREADABLE',
  'IMAGE_TOO_LARGE',
  'IMAGE_TIMEOUT',
  'MESSAGE_UNREADABLE',
  'MODEL_MISSING',
  'MODEL_CORRUPT',
  'MODEL_CONTRACT',
  'MODEL_CANARY',
  'MODEL_DOWNLOAD',
  'MODEL_ARCHIVE',
  'MODEL_CONVERSION',
  'EXECUTION_PROVIDER',
  'INFERENCE_FAILED',
  'GALLERY_MISSING',
  'GALLERY_CORRUPT',
  'GALLERY_BUSY',
  'GALLERY_EMBEDDER',
  'GALLERY_UNAVAILABLE',
  'LABELS_UNREADABLE',
  'BUS_UNAVAILABLE',
  'BUS_CLOSED',
  'BUS_FULL',
  'BUS_TOPIC_MISSING',
  'BUS_MESSAGE_TOO_LARGE',
  'BUS_NO_PROGRESS',
  'STATE_UNAVAILABLE',
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'CONFIG_INVALID',
  'USAGE',
  'TIMEOUT',
  'INTERNAL',
] as const

export type ErrorCode = (typeof errorCodes)[number]

export interface SightlineErrorOptions {
  /** The error underneath, which the message does not repeat: `describeError` tells both. */
  readonly cause?: unknown
  /** True where the world is bad and the same work can succeed later (a dependency is down); false where the item is bad. */
  readonly retryable?: boolean
}

/** An error whose message says what itself failed, on what, and what to do next. */
export class SightlineError extends Error {
  override readonly name = 'SightlineError'
  readonly code: ErrorCode
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: SightlineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** What was asked for can't be done as it was asked. */
export const usageError = (message: string): SightlineError => new SightlineError('USAGE', message)

/** For a `catch` that takes errors of these codes as undefined and throws all others on. */
export const otherwise =
  (codes: readonly ErrorCode[]) =>
  (error: unknown): undefined => {
    if (!(error instanceof SightlineError) || !codes.includes(error.code)) throw error
    return undefined
  }

/**
 * The text of anything that can be thrown, causes included, on one line; the one place where causes are told. It is what
 * leaves a process or a thread: logs, dead letters, JSON output, readiness.
 */
export function describeError(error: unknown): string {
  const parts: string[] = []
  for (let current: unknown = error, depth = 0; current != null && depth < 10; depth += 1) {
    const text = textOf(current)
    const last = parts.at(-1)
    // Libraries like to put a cause's words into their own as well.
    if (last !== undefined && text.startsWith(last)) parts.pop()
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text)
    current = causeOf(current)
  }
  return parts.join(': ')
}

function textOf(error: unknown): string {
  const text = isZodError(error) ? issuesText(error) : error instanceof Error ? error.message : String(error)
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}

interface Issue {
  readonly message: string
  readonly path: readonly PropertyKey[]
}

/** Asked by name: this floor is loaded into every worker thread, and zod would more than double the heap of each. */
const isZodError = (error: unknown): error is Error & { readonly issues: readonly Issue[] } =>
  error instanceof Error && error.name === 'ZodError' && 'issues' in error

/** As `z.prettifyError`. */
const issuesText = ({ issues }: { readonly issues: readonly Issue[] }): string =>
  issues
    .toSorted((a, b) => a.path.length - b.path.length)
    .map(({ message, path }) => `✖ ${message}${path.length === 0 ? '' : ` → at ${pathText(path)}`}`)
    .join('\n')

const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`
      if (typeof key === 'symbol' || /[^\w$]/.test(key)) return `[${JSON.stringify(String(key))}]`
      return index === 0 ? key : `.${key}`
    })
    .join('')

function causeOf(error: unknown): unknown {
  // Of several addresses that were tried, each with its own error, one is told.
  if (error instanceof AggregateError && error.message === '') return error.errors[0]
  return error instanceof Error ? error.cause : undefined
}
