/** Hands pictures to the converting thread, one at a time: it is there while there is work, ends with a picture that takes too long, and blocks nobody. */
import { Worker } from 'node:worker_threads'
import { fromPortable } from '../errors/portable-error.ts'
import type { ConvertAnswer, ConvertRequest } from './convert-worker.ts'
import { type ImageLimits, tookTooLong, unreadable } from './image-errors.ts'
import type { ConvertedKind, NativeKind } from './picture-kinds.ts'
import type { Room } from './picture-memory.ts'

/** ms without work after which the thread gives back its 100 MB. */
const idleMs = 10_000

let worker: Worker | undefined
let idleTimer: NodeJS.Timeout | undefined
/** The end of the work before. */
let queue: Promise<unknown> = Promise.resolve()

/** ImageMagick's picture, what its decoders take beside it, and the TIFF, twice until it has crossed. */
const bytesPerPixel = 24

/** The picture as an uncompressed TIFF with its colour profile. Throws as `decodeImage` does. */
export async function convertToTiff(
  bytes: Uint8Array,
  kind: ConvertedKind | NativeKind,
  limits: ImageLimits,
  room: Room,
): Promise<Uint8Array> {
  const header = await ask({ bytes, kind, maxPixels: limits.maxPixels, want: 'pixels' }, limits)
  if (!('pixels' in header)) throw new Error('no pixels were answered')
  await room.need(header.pixels * bytesPerPixel)
  const answer = await ask({ bytes, kind, maxPixels: limits.maxPixels, want: 'tiff' }, limits)
  if (!('tiff' in answer)) throw new Error('no TIFF was answered')
  return answer.tiff
}

/** The share of a damaged JPEG whose bytes are missing. Throws as `missingShareOf` does. */
export async function missingShare(bytes: Uint8Array, limits: ImageLimits): Promise<number> {
  const answer = await ask({ bytes, kind: 'JPEG', maxPixels: limits.maxPixels, want: 'missing' }, limits)
  if (!('missing' in answer)) throw new Error('no share was answered')
  return answer.missing
}

async function ask(request: ConvertRequest, limits: ImageLimits): Promise<ConvertAnswer> {
  const turn = queue.then(() => askNow(request, limits))
  queue = turn.catch(() => undefined)
  const answer = await turn
  if ('error' in answer) throw fromPortable(answer.error)
  return answer
}

async function askNow(request: ConvertRequest, limits: ImageLimits): Promise<ConvertAnswer> {
  clearTimeout(idleTimer)
  worker ??= new Worker(new URL('./convert-worker.ts', import.meta.url))
  const thread = worker
  const { promise, resolve, reject } = Promise.withResolvers<ConvertAnswer>()
  const timer = setTimeout(() => reject(tookTooLong(limits)), limits.timeoutSeconds * 1000)
  const onDead = (cause: unknown): void =>
    reject(unreadable('decoding the picture took more memory than there is', { cause }))
  thread.once('message', resolve).once('error', onDead).once('exit', onDead)
  thread.ref()
  thread.postMessage(request)
  let isUsable = false
  try {
    const answer = await promise
    isUsable = !('error' in answer && answer.isBroken === true)
    return answer
  } finally {
    clearTimeout(timer)
    thread.off('message', resolve).off('error', onDead).off('exit', onDead)
    // A process may end while the thread has nothing to do.
    thread.unref()
    if (isUsable) idleTimer = setTimeout(endWorker, idleMs).unref()
    else endWorker()
  }
}

function endWorker(): void {
  const ending = worker
  worker = undefined
  // An error of a thread that is ending anyway is nobody's.
  ending?.on('error', () => undefined)
  void ending?.terminate()
}
