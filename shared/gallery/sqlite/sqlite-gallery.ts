/** The embedded gallery: SQLite on disk as the only truth, an exact scan in memory, both in a worker thread. Survives kill -9. */
import { Worker } from 'node:worker_threads'
import { otherwise, SightlineError } from '../../errors/errors.ts'
import { fromPortable } from '../../errors/portable-error.ts'
import type {
  Gallery,
  GalleryBuild,
  GalleryEmbedder,
  GalleryEntry,
  GalleryInfo,
  GallerySelection,
  Hit,
  OpenMode,
} from '../gallery.ts'
import type { GalleryRules } from '../rules.ts'
import type { GalleryAnswer, GalleryRequest, GallerySetup } from './gallery-worker.ts'

export interface SqliteGalleryOptions {
  /** Folder of the gallery. */
  readonly folder: string
  readonly embedder: GalleryEmbedder
  readonly mode: OpenMode
}

/** Entries read at a time by `list`. */
const pageSize = 500

/** Throws GALLERY_MISSING, GALLERY_CORRUPT, GALLERY_EMBEDDER or GALLERY_BUSY, each with what to do. */
export const openSqliteGallery = (options: SqliteGalleryOptions): Promise<Gallery> => open(options)

/** Throws GALLERY_CORRUPT or GALLERY_BUSY. */
export async function openSqliteBuild(options: Omit<SqliteGalleryOptions, 'mode'>): Promise<GalleryBuild> {
  await using scope = new AsyncDisposableStack()
  const draft = scope.use(await open({ ...options, mode: 'build' }))
  const current = await open({ ...options, mode: 'read' }).catch(otherwise(['GALLERY_MISSING', 'GALLERY_EMBEDDER']))
  if (current !== undefined) scope.use(current)
  const owned = scope.move()
  return { draft, current, publish: () => draft.publish(), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function open(setup: GallerySetup): Promise<SqliteGallery> {
  const gallery = new SqliteGallery(new Worker(new URL('./gallery-worker.ts', import.meta.url), { workerData: setup }))
  await gallery.opened
  return gallery
}

class SqliteGallery implements Gallery {
  readonly opened: Promise<void>
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #number = 0
  #closing: Promise<void> | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    this.opened = this.#expect(0) as Promise<void>
    worker.on('message', (answer: GalleryAnswer) => {
      const waiting = this.#waiting.get(answer.number)
      this.#waiting.delete(answer.number)
      if ('error' in answer) waiting?.reject(fromPortable(answer.error))
      else waiting?.resolve(answer.result)
    })
    let cause: unknown = new Error('it ended')
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => {
      const error = new SightlineError('GALLERY_UNAVAILABLE', "the gallery's worker is gone", {
        cause,
        retryable: true,
      })
      for (const waiting of this.#waiting.values()) waiting.reject(error)
      this.#waiting.clear()
      this.#closing ??= Promise.resolve()
    })
  }

  info(): Promise<GalleryInfo> {
    return this.#request({ operation: 'info' }) as Promise<GalleryInfo>
  }

  async put(entries: readonly GalleryEntry[]): Promise<void> {
    await this.#request({ operation: 'put', entries })
  }

  remove(selection: GallerySelection): Promise<number> {
    return this.#request({ operation: 'remove', selection }) as Promise<number>
  }

  get(ids: readonly string[]): Promise<readonly GalleryEntry[]> {
    return this.#request({ operation: 'get', ids }) as Promise<GalleryEntry[]>
  }

  async *list(selection: GallerySelection): AsyncGenerator<Omit<GalleryEntry, 'vector'>> {
    let after: string | null = null
    for (;;) {
      const request: GalleryRequest = { operation: 'page', selection, after, most: pageSize }
      const page = (await this.#request(request)) as Omit<GalleryEntry, 'vector'>[]
      yield* page
      if (page.length < pageSize) return
      after = page.at(-1)!.id
    }
  }

  rules(): Promise<GalleryRules> {
    return this.#request({ operation: 'rules' }) as Promise<GalleryRules>
  }

  async setRules(rules: GalleryRules): Promise<void> {
    await this.#request({ operation: 'setRules', rules })
  }

  search(queries: readonly Float32Array[], k: number): Promise<readonly (readonly Hit[])[]> {
    return this.#request({ operation: 'search', queries, k }) as Promise<Hit[][]>
  }

  /** Of a build's draft. */
  publish(): Promise<GalleryInfo> {
    return this.#request({ operation: 'publish' }) as Promise<GalleryInfo>
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()))
    await this.#post({ operation: 'close' })
    await exited
  }

  #request(request: GalleryRequest): Promise<unknown> {
    if (this.#closing === undefined) return this.#post(request)
    return Promise.reject(new SightlineError('GALLERY_UNAVAILABLE', 'the gallery is closed', { retryable: true }))
  }

  #post(request: GalleryRequest): Promise<unknown> {
    this.#number += 1
    const answer = this.#expect(this.#number)
    this.#worker.postMessage({ number: this.#number, request })
    return answer
  }

  #expect(number: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(number, waiting)
    return waiting.promise
  }
}
