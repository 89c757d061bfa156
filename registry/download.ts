/** Downloads a file so that an interruption costs nothing: what has come stays beside it and the rest is asked for. */
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { z } from 'zod'
import { diskError } from './disk.ts'

export interface DownloadOptions {
  readonly url: URL
  /** Path of the finished file; until then it is `to`.partial. */
  readonly to: string
  readonly maxBytes: number
  readonly stop: AbortSignal
  /** Bytes that are there, of how many; null where the server does not say. */
  readonly onProgress: (bytes: number, total: number | null) => void
  /** A connection that brings nothing for so long is given up. @default 30000 */
  readonly stallMs?: number
  /** Times that a broken connection is taken up again by itself. @default 5 */
  readonly attempts?: number
  /** ms before the first of them, doubled each time. @default 500 */
  readonly retryMs?: number
}

/** What the partial file is a part of: another version on the server must not be appended to it. */
const partSchema = z.object({ url: z.string(), validator: z.string().nullable() })

const retryMaxMs = 10_000

/** A reason that another attempt can change. */
class Interrupted extends Error {}

/**
 * Throws MODEL_DOWNLOAD (retryable where the network is the reason), or MODEL_ARCHIVE for a file larger than allowed.
 * The partial file stays for the next call, except where it can't be continued.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, to, stop, attempts = 5, retryMs = 500 } = options
  for (let attempt = 1, wait = retryMs; ; attempt += 1, wait = Math.min(wait * 2, retryMaxMs)) {
    const before = await sizeOf(`${to}.partial`)
    try {
      await downloadOnce(options)
      await rename(`${to}.partial`, to)
      await rm(`${to}.partial.json`, { force: true })
      return
    } catch (error) {
      if (stop.aborted) throw new SightlineError('MODEL_DOWNLOAD', `downloading ${url} was stopped`, { cause: error })
      if (!(error instanceof Interrupted)) throw error
      const after = await sizeOf(`${to}.partial`)
      // An attempt that brought something does not count.
      if (after > before) [attempt, wait] = [0, retryMs]
      if (attempt >= attempts) {
        const kept = after > 0 ? `; ${after} bytes are kept, the same command goes on from there` : ''
        throw new SightlineError(
          'MODEL_DOWNLOAD',
          `downloading ${url}${kept}. Without a way to it, get the archive elsewhere and give it with --file, or name a mirror with --url-base`,
          { cause: error, retryable: true },
        )
      }
      await sleep(wait, undefined, { signal: stop }).catch(() => undefined)
    }
  }
}

async function downloadOnce({ url, to, maxBytes, stop, onProgress, stallMs = 30_000 }: DownloadOptions): Promise<void> {
  const partial = `${to}.partial`
  const validator = await readValidator(to, url)
  // Without a validator nobody knows whether the rest belongs to what is there.
  const offset = validator === null ? 0 : await sizeOf(partial)
  const stalled = new AbortController()
  const watch = setTimeout(() => stalled.abort(new Interrupted(`nothing came for ${stallMs / 1000} s`)), stallMs)
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' }
    if (offset > 0 && validator !== null) Object.assign(headers, { range: `bytes=${offset}-`, 'if-range': validator })
    const signal = AbortSignal.any([stop, stalled.signal])
    const response = await fetch(url, { headers, signal }).catch((cause: unknown) => {
      throw new Interrupted('no connection', { cause })
    })
    const start = await startOf(response, offset, partial)
    const length = Number(response.headers.get('content-length') ?? Number.NaN)
    const total = Number.isNaN(length) ? null : start + length
    if (total !== null && total > maxBytes) throw tooLarge(url, maxBytes)
    await writeFile(`${to}.partial.json`, JSON.stringify({ url: url.href, validator: validatorOf(response) }))
    if (response.body === null) throw new Interrupted('an empty answer')
    let bytes = start
    onProgress(bytes, total)
    // Written piece by piece: a stream would drop what it holds when the connection breaks.
    await using file = await open(partial, start > 0 ? 'a' : 'w')
    for await (const chunk of arriving(response.body)) {
      if (bytes + chunk.length > maxBytes) throw tooLarge(url, maxBytes)
      await file.writeFile(chunk)
      bytes += chunk.length
      watch.refresh()
      onProgress(bytes, total)
    }
    if (total !== null && bytes !== total) throw new Interrupted(`${bytes} of ${total} bytes came`)
  } catch (error) {
    if (error instanceof SightlineError || error instanceof Interrupted) throw error
    throw diskError(error, partial) ?? error
  } finally {
    clearTimeout(watch)
  }
}

/** The body's pieces; that it ends too early is no fault of whoever reads it. */
async function* arriving(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw cause instanceof Interrupted ? cause : new Interrupted('the connection broke', { cause })
      })
      if (done) return
      yield value
    }
  } finally {
    // Of a body that broke there is nothing left to cancel.
    await reader.cancel().catch(() => undefined)
  }
}

/** Where the answer's bytes begin. Throws where it is no file, or not the part that was asked for. */
async function startOf(response: Response, offset: number, partial: string): Promise<number> {
  const { status, headers, url } = response
  if (status === 200) return 0
  if (status === 206) {
    if (headers.get('content-range')?.startsWith(`bytes ${offset}-`) === true) return offset
    throw new SightlineError('MODEL_DOWNLOAD', `${url} sends another part than the one asked for`)
  }
  await response.body?.cancel()
  if (status === 416) {
    // What is there is as long as the file or longer: only a fresh start tells.
    await rm(partial, { force: true })
    throw new Interrupted('the part that was there did not fit')
  }
  if (status === 408 || status === 429 || status >= 500) throw new Interrupted(`the server answers ${status}`)
  throw new SightlineError(
    'MODEL_DOWNLOAD',
    `${url} answers ${status} ${response.statusText}: look at the address (--url-base, SIGHTLINE_MODELS_MIRROR)`,
  )
}

/** A strong ETag, or the date: what If-Range takes. */
function validatorOf({ headers }: Response): string | null {
  const etag = headers.get('etag')
  return etag !== null && !etag.startsWith('W/') ? etag : headers.get('last-modified')
}

async function readValidator(to: string, url: URL): Promise<string | null> {
  const text = await readFile(`${to}.partial.json`, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const part = partSchema.parse(JSON.parse(text))
    return part.url === url.href ? part.validator : null
  } catch {
    return null // Cut short by what ended the download; it is made anew.
  }
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  )

const tooLarge = (url: URL, maxBytes: number): SightlineError =>
  new SightlineError('MODEL_ARCHIVE', `${url} is larger than the ${maxBytes} bytes that a model may have`)
