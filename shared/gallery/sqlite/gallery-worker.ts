/** The worker thread of the embedded gallery: SQLite and the scan are synchronous, and here they block nobody. */
import { parentPort, workerData } from 'node:worker_threads'
import { describeError } from '../../errors/errors.ts'
import { type PortableError, toPortable } from '../../errors/portable-error.ts'
import type { GalleryEmbedder, GalleryEntry, GallerySelection, OpenMode } from '../gallery.ts'
import type { GalleryRules } from '../rules.ts'
import { type OpenedGallery, openDraft, openFolder, publishDraft, removeDraft } from './gallery-folder.ts'
import { GalleryIndex } from './gallery-index.ts'
import { passingCodes, resultCode, unwritableCodes } from './open-database.ts'

export interface GallerySetup {
  readonly folder: string
  readonly embedder: GalleryEmbedder
  /** `build`: the draft that is to replace the folder's gallery. */
  readonly mode: OpenMode | 'build'
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
  | { readonly operation: 'get'; readonly ids: readonly string[] }
  | { readonly operation: 'rules' }
  | { readonly operation: 'setRules'; readonly rules: GalleryRules }
  | { readonly operation: 'search'; readonly queries: readonly Float32Array[]; readonly k: number }
  | { readonly operation: 'publish' }
  | { readonly operation: 'close' }

/** The answer to the request of the same number; the opening is number 0. */
export type GalleryAnswer = { readonly number: number } & (
  | { readonly result: unknown }
  | { readonly error: PortableError }
)

const { folder, embedder, mode } = workerData as GallerySetup
const port = parentPort
if (port === null) throw new Error('gallery-worker.ts runs as a worker thread')

function portable(error: unknown): PortableError {
  const code = resultCode(error)
  const message = `the gallery ${folder}: ${describeError(error)}`
  if (passingCodes.has(code)) return { code: 'GALLERY_UNAVAILABLE', message, retryable: true }
  const isOfFiles = error instanceof Error && 'syscall' in error
  if (isOfFiles || unwritableCodes.has(code)) return { code: 'FILE_UNWRITABLE', message, retryable: false }
  return toPortable(error, 'GALLERY_CORRUPT')
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

function open(): { readonly opened: OpenedGallery; readonly index: GalleryIndex } {
  const opened = mode === 'build' ? openDraft(folder, embedder) : openFolder(folder, embedder, mode)
  try {
    return { opened, index: new GalleryIndex(opened.database, embedder) }
  } catch (error) {
    close(opened)
    throw error
  }
}

function close({ database, lock }: OpenedGallery): void {
  database.close()
  lock?.[Symbol.dispose]()
}

function perform(request: GalleryRequest): unknown {
  const { opened, index } = state!
  switch (request.operation) {
    case 'info':
      return index.info()
    case 'put':
      return index.put(request.entries)
    case 'remove':
      return index.remove(request.selection)
    case 'page':
      return index.page(request.selection, request.after, request.most)
    case 'get':
      return index.get(request.ids)
    case 'rules':
      return index.rules()
    case 'setRules':
      return index.setRules(request.rules)
    case 'search':
      return index.search(request.queries, request.k)
    case 'publish': {
      const info = publishDraft(folder, embedder)
      isPublished = true
      return info
    }
    case 'close': {
      const isOver = mode === 'build' && (isPublished || isEmpty(index))
      opened.database.close()
      if (isOver) removeDraft(folder)
      return close(opened)
    }
  }
}

/** A draft with something in it stays for the next build; so does one that can't be read, for that one to judge. */
function isEmpty(index: GalleryIndex): boolean {
  try {
    return index.info().entries === 0
  } catch {
    return false
  }
}

let state: ReturnType<typeof open> | undefined
let isPublished = false
const isOpen = answer(0, () => {
  state = open()
})
if (isOpen) {
  port.on('message', ({ number, request }: { number: number; request: GalleryRequest }) => {
    answer(number, () => perform(request))
    if (request.operation === 'close') port.close()
  })
}
