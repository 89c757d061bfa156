/**
 * Where a network runs. onnxruntime itself drops a name that it does not know when others are listed with it, and only
 * writes a warning: here what was asked for is what runs, or it is an error, or (where that was allowed) it is told.
 */
import { describeError, SightlineError } from '../errors/errors.ts'

/** The providers in use, first choice first, and why they are not those that were asked for; null where they are. */
export interface Execution {
  readonly providers: readonly string[]
  readonly problem: string | null
}

/** What the runtime offers, so that this file does not know it. */
export interface ProviderRuntime<Session> {
  /** Providers that this build of the runtime has. */
  readonly names: readonly string[]
  /** Rejects where one of the providers does not start, or the network can't be opened. */
  readonly open: (providers: readonly string[]) => Promise<Session>
  readonly close: (session: Session) => Promise<void>
}

/**
 * Opens the network on all of `asked`, in this order.
 *
 * @throws What `open` threw on the CPU too (the network itself is bad); EXECUTION_PROVIDER where a provider is missing
 * and `isFallbackAllowed` is false.
 */
export async function openOnProviders<Session>(
  asked: readonly string[],
  isFallbackAllowed: boolean,
  { names, open, close }: ProviderRuntime<Session>,
): Promise<{ readonly session: Session; readonly execution: Execution }> {
  const unknown = asked.filter((name) => !names.includes(name))
  let reason: string
  try {
    if (unknown.length === 0) return { session: await open(asked), execution: { providers: asked, problem: null } }
    reason = `onnxruntime has no ${unknown.join(', ')} here, only ${names.join(', ')}`
  } catch (error) {
    if (asked.every((name) => name === 'cpu')) throw error
    reason = describeError(error)
  }
  // A network that does not open on the CPU either is at fault itself.
  const plain = await open(['cpu'])
  if (!isFallbackAllowed) {
    await close(plain)
    throw new SightlineError(
      'EXECUTION_PROVIDER',
      `the network can't run on ${asked.join(', ')}: ${reason}. Install what it needs, choose another provider, or allow the fall-back (--execution-fallback, SIGHTLINE_EXECUTION_FALLBACK=true)`,
    )
  }
  const working: string[] = []
  for (const name of asked.filter((one) => one !== 'cpu' && !unknown.includes(one))) {
    try {
      await close(await open([name]))
      working.push(name)
    } catch (error) {
      reason = `${name}: ${describeError(error)}`
    }
  }
  const problem = (providers: readonly string[]): string =>
    `asked for ${asked.join(', ')}, runs on ${providers.join(', ')}: ${reason}`
  if (working.length === 0) return { session: plain, execution: { providers: ['cpu'], problem: problem(['cpu']) } }
  await close(plain)
  return { session: await open(working), execution: { providers: working, problem: problem(working) } }
}

/** Says it once where networks do not run on what was asked for. */
export function tellExecution(
  sessions: readonly { readonly execution: Execution }[],
  tell: (line: string) => void,
): void {
  for (const problem of new Set(sessions.flatMap(({ execution }) => execution.problem ?? []))) tell(problem)
}
