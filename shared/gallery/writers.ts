/** Who holds a gallery as its one writer, and how the next one is told. */
import { hostname } from 'node:os'
import { SightlineError } from '../errors/errors.ts'

/** `process 1234 on till-7`. */
export const thisWriter = (): string => `process ${process.pid} on ${hostname()}`

/** `until`: when the hold of a writer that was killed ends, where it does not end with it. */
export function busy(
  gallery: string,
  holder: { readonly who: string; readonly since: string; readonly until?: string },
) {
  const { who, since, until } = holder
  const killed = until === undefined ? '' : ` (if it was killed, wait until ${until})`
  return new SightlineError(
    'GALLERY_BUSY',
    `another one writes to the gallery ${gallery}: ${who}, since ${since}; wait for it or stop it${killed}. Nothing was changed`,
    { retryable: true },
  )
}
