/** The one way to a Qdrant: calls that outlast its short absence (the client tries once only), and errors for people. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  QdrantClient,
  QdrantClientResourceExhaustedError,
  QdrantClientTimeoutError,
  type Schemas,
} from '@qdrant/js-client-rest'
import { defaultRedelivery } from '../../bus/redelivery.ts'
import { backoffMs } from '../../errors/backoff.ts'
import { SightlineError } from '../../errors/errors.ts'
import type { QdrantLocation } from './qdrant-location.ts'

export type Point = Schemas['PointStruct']
export type Filter = Schemas['Filter']
export type Condition = Schemas['Condition']
export type CollectionRequest = Parameters<QdrantClient['createCollection']>[1]
export type { QdrantClient }

export interface QdrantAccess {
  /** Never repeated in a message. */
  readonly apiKey?: string | undefined
  /** Time for one request, in ms. @default 10,000 */
  readonly requestTimeoutMs?: number | undefined
  /** No request that fails is sent again after this time, in ms. @default 15,000 */
  readonly deadlineMs?: number | undefined
}

const backoff = { ...defaultRedelivery, maxBackoffMs: 1_000 }

export class QdrantConnection {
  readonly #location: QdrantLocation
  readonly #access: QdrantAccess
  readonly #client: QdrantClient
  readonly #deadlineMs: number
  readonly #hasKey: boolean
  readonly #closing = new AbortController()
  /** `http://host:6333/collection`, for messages. */
  readonly shown: string
  readonly collection: string

  /** Connects to nothing yet. Throws CONFIG_INVALID for a key that can't be one. */
  constructor(location: QdrantLocation, access: QdrantAccess) {
    const { apiKey, requestTimeoutMs = 10_000, deadlineMs = 15_000 } = access
    const { host, port, isSecure, prefix, collection } = location
    this.#location = location
    this.#access = access
    this.shown = `http${isSecure ? 's' : ''}://${host}:${port}${prefix}/${collection}`
    this.collection = collection
    this.#deadlineMs = deadlineMs
    this.#hasKey = apiKey !== undefined && apiKey !== ''
    if (this.#hasKey && !/^[\x21-\x7e]+$/.test(apiKey!)) {
      throw new SightlineError(
        'CONFIG_INVALID',
        `${this.shown}: the API key holds spaces, line ends or other characters`,
      )
    }
    this.#client = new QdrantClient({
      host,
      port,
      https: isSecure,
      prefix,
      timeout: requestTimeoutMs,
      // Both would make the client write to the console.
      checkCompatibility: false,
      headers: this.#hasKey ? { 'api-key': apiKey } : {},
    })
  }

  /**
   * Sends a request, again and again while the server is away or overloaded: it must do no harm twice.
   *
   * @throws GALLERY_UNAVAILABLE (retryable) after the deadline or when closed; GALLERY_MISSING where the collection isn't
   * there; CONFIG_INVALID for an API key that Qdrant refuses; INTERNAL for a request that it refuses.
   */
  async call<Result>(request: (client: QdrantClient, collection: string) => Promise<Result>): Promise<Result> {
    const end = performance.now() + this.#deadlineMs
    for (let attempt = 1; ; attempt += 1) {
      this.checkOpen()
      try {
        return await request(this.#client, this.collection)
      } catch (error) {
        if (!passes(error)) throw this.#refused(error)
        const waitMs = backoffMs(attempt, backoff)
        if (performance.now() + waitMs > end) throw this.#unavailable(error)
        await this.#pause(waitMs)
      }
    }
  }

  /** One try, within a second: for what may be left undone. */
  async once<Result>(request: (client: QdrantClient, collection: string) => Promise<Result>): Promise<Result> {
    const access = { ...this.#access, requestTimeoutMs: 1_000, deadlineMs: 0 }
    return new QdrantConnection(this.#location, access).call(request)
  }

  /** Makes the collection; another process that makes it at the same time has done the work. Returns whether it was this one. */
  async create(request: CollectionRequest): Promise<boolean> {
    try {
      await this.call((client, collection) => client.createCollection(collection, request))
      return true
    } catch (error) {
      if (statusOf(error) !== 409) throw error
      return false
    }
  }

  /** To another collection of the same Qdrant. */
  sibling(collection: string): QdrantConnection {
    return new QdrantConnection({ ...this.#location, collection }, this.#access)
  }

  /** Throws GALLERY_UNAVAILABLE once it is closed. */
  checkOpen(): void {
    if (this.#closing.signal.aborted) throw closed()
  }

  /** Ends the waiting for a server that is away. */
  close(): void {
    this.#closing.abort()
  }

  async #pause(waitMs: number): Promise<void> {
    try {
      await sleep(waitMs, undefined, { signal: this.#closing.signal })
    } catch {
      throw closed()
    }
  }

  #unavailable(cause: unknown): SightlineError {
    return new SightlineError('GALLERY_UNAVAILABLE', `the gallery ${this.shown}: Qdrant does not answer`, {
      cause: answerOf(cause),
      retryable: true,
    })
  }

  #refused(cause: unknown): unknown {
    const status = statusOf(cause)
    if (status === undefined) return cause
    if (status === 401 || status === 403) {
      const what = this.#hasKey ? 'the API key' : 'a request without an API key'
      const message = `the gallery ${this.shown}: Qdrant refuses ${what} give the one of that Qdrant, as SIGHTLINE_QDRANT_API_KEY`
      return new SightlineError('CONFIG_INVALID', message, { cause: answerOf(cause) })
    }
    if (status === 404) {
      const message = `there is no gallery at ${this.shown}: make one with 'sightline gallery build'`
      return new SightlineError('GALLERY_MISSING', message, { cause: answerOf(cause) })
    }
    return new SightlineError('INTERNAL', `the gallery ${this.shown}: Qdrant refuses a request`, {
      cause: answerOf(cause),
    })
  }
}

/** The HTTP status that Qdrant answered with, of an error of the client or one made of it. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof SightlineError) return statusOf(error.cause)
  return error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : undefined
}

/** No answer, an overload, or a server that is starting or ending; anything else would fail again. */
function passes(error: unknown): boolean {
  if (error instanceof QdrantClientTimeoutError || error instanceof QdrantClientResourceExhaustedError) return true
  const status = statusOf(error)
  if (status !== undefined) return status === 408 || status === 429 || status >= 500
  // The two errors of fetch for a connection that fails or breaks off; any other TypeError is a bug.
  return error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)
}

/** What Qdrant answered with: the status and its own words, where the client tells only a status's name. */
function answerOf(error: unknown): unknown {
  const status = statusOf(error)
  if (status === undefined) return error
  const data: unknown = error instanceof Error && 'data' in error ? error.data : undefined
  const said = (data as { status?: { error?: unknown } } | undefined)?.status?.error
  return Object.assign(new Error(typeof said === 'string' ? `${status}: ${said}` : `status ${status}`), { status })
}

const closed = (): SightlineError =>
  new SightlineError('GALLERY_UNAVAILABLE', 'the gallery is closed', { retryable: true })
