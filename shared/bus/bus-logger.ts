/** What a bus says when the world is bad, shaped like pino's methods: silent while all is well. */

export interface BusLogger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

const ignore = (): void => undefined

/** For callers that watch `closed` and the errors of `publish` alone. */
export const silentLogger: BusLogger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
