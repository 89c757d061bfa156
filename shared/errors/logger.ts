/** The log port, shaped like pino's methods: a fields object and what happened. Silent while all is well. */

export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

const ignore = (): void => undefined

/** For callers that watch `closed` and the errors of `publish` alone. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
