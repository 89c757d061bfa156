/** The log of a service: JSON lines with what a frame can be found by. Secrets are never given to it. */
import { pino } from 'pino'
import { describeError, SightlineError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import type { BatchReport } from '../stage/run-stage.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const

export type LogLevel = (typeof logLevels)[number]

/** For machines, and for people. */
export const logFormats = ['json', 'text'] as const

export type LogFormat = (typeof logFormats)[number]

/** Writes one line a message to `write`; an error is its field `err`, which tells its causes once. */
export function openLog(
  service: string,
  level: LogLevel,
  write: (line: string) => void,
  format: LogFormat = 'json',
): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => errorFields(error, level === 'debug') },
    },
    { write: format === 'json' ? write : (line) => write(textLine(line)) },
  )
}

interface LogLine {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly err?: { readonly code?: string; readonly message: string; readonly stack?: string }
}

/** What happened, why, and on what; where an error was made, on lines of its own. Whose log it is, its reader knows. */
function textLine(json: string): string {
  const { level, time, msg, err, service: _, ...fields } = JSON.parse(json) as LogLine & Record<string, unknown>
  const what = err === undefined ? msg : `${msg}: ${err.message}${err.code === undefined ? '' : ` (${err.code})`}`
  const words = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`)
  const stack = err?.stack === undefined ? '' : `\n${err.stack}`
  return `${[time, level.padEnd(5), what, ...words].join(' ')}${stack}\n`
}

const fieldText = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)

/** Where an error was made is worth its lines only where nobody foresaw it. */
function errorFields(error: unknown, isDebug: boolean): Readonly<Record<string, unknown>> {
  const isOurs = error instanceof SightlineError
  const stack = error instanceof Error && (isDebug || !isOurs) ? framesOf(error) : undefined
  return { ...(isOurs && { code: error.code }), message: describeError(error), ...(stack && { stack }) }
}

/** The lines of a stack without the error's text. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}

/** What failed is worth a line always, what ended well only to who asks for it. */
export function logReport(log: Logger, { stage, subject, ends }: BatchReport): void {
  for (const { id, position, traceparent, kind, reason, error } of ends) {
    const traceId = traceparent?.split('-')[1]
    const fields = {
      stage,
      [`${subject}Id`]: id,
      position,
      ...(traceId === undefined ? {} : { traceId }),
      kind,
      reason,
    }
    if (kind === 'failed') log.warn({ ...fields, error }, 'dead letter')
    else log.debug(fields, subject)
  }
}
