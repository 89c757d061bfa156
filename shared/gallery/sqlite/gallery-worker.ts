/** The worker thread of the embedded gallery: SQLite and the scan are synchronous, and here they block nobody. */
import { parentPort, workerData } from 'node:worker_threads'
import { SightlineError } from '../../errors/errors.ts'
import { type PortableError, toPortable } from '../../errors/portable-error.ts'
import type { GalleryEmbedder, GalleryEntry, GallerySelection, OpenMode } from '../gallery.ts'
import { GalleryIndex } from './gallery-index.ts'

export interface GallerySetup {
  readonly folder: string
  readonly embedder: GalleryEmbedder
  readonly mode: OpenMode
}

export type GalleryRequest =
  | { readonly operation: 'info' }
  | { readonly operation: 'put'; readonly entries: readonly GalleryEntry[] }
  | { readonly operation: 'remove'; readonly selection: GallerySelection }
  | {
      readonly operation: 'page'
      readonly selection: GallerySelection
      readonly after: string | null
      readonly most: number
    }
  | { readonly operation: 'search'; readonly queries: readonly Float32Array[]; readonly k: number }
  | { readonly operation: 'close' }

/** The answer to the request of the same number; the opening is number 0. */
export type GalleryAnswer = { readonly number: number } & (
  | { readonly result: unknown }
  | { readonly error: PortableError }
)

const { folder, embedder, mode } = workerData as GallerySetup
const port = parentPort
if (port === null) throw new Error('gallery-worker.ts runs as a worker thread')

/** SQLite's result codes for what passes: busy, locked, an I/O error, a full disk. */
const passing: ReadonlySet<unknown> = new Set([5, 6, 10, 13])

function portable(error: unknown): PortableError {
  const isPassing = error instanceof Error && 'errcode' in error && passing.has(Number(error.errcode) & 0xff)
  if (!isPassing) return toPortable(error, 'GALLERY_CORRUPT')
  const unavailable = new SightlineError('GALLERY_UNAVAILABLE', `the gallery ${folder} can't be used now`, {
    cause: error,
    retryable: true,
  })
  return toPortable(unavailable, unavailable.code)
}

const answer = (number: number, work: () => unknown): boolean => {
  try {
    port.postMessage({ number, result: work() } satisfies GalleryAnswer)
    return true
  } catch (error) {
    port.postMessage({ number, error: portable(error) } satisfies GalleryAnswer)
    return false
  }
}

function perform(index: GalleryIndex, request: GalleryRequest): unknown {
  switch (request.operation) {
    case 'info':
      return index.info()
    case 'put':
      return index.put(request.entries)
    case 'remove':
      return index.remove(request.selection)
    case 'page':
      return index.page(request.selection, request.after, request.most)
    case 'search':
      return index.search(request.queries, request.k)
    case 'close':
      return index.close()
  }
}

let index: GalleryIndex | undefined
const isOpen = answer(0, () => {
  index = new GalleryIndex(folder, embedder, mode)
})
if (isOpen) {
  port.on('message', ({ number, request }: { number: number; request: GalleryRequest }) => {
    answer(number, () => perform(index!, request))
    if (request.operation === 'close') port.close()
  })
}
