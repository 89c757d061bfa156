/** Plays frames of several cameras through a pipeline, as fast as it takes them or one after the other. */

import { subscribeAnswers } from '../pipeline/answers.ts'
import { Books } from '../pipeline/books.ts'
import { openPipeline, type Pipeline } from '../pipeline/pipeline.ts'
import { pipelineSettings } from '../pipeline/settings.ts'
import { encodeFrame } from '../shared/contracts/frame.ts'
import type { RecognitionEvent } from '../shared/contracts/recognition-event.ts'
import { decodeEmbeddings } from '../shared/contracts/wire.ts'
import { valuesFor } from '../shared/process/settings.ts'
import { makeGallery, usualEntries } from './made-gallery.ts'
import type { Pair } from './pairs.ts'

export interface PlayOptions {
  /** @default 4 */
  readonly cameras?: number
  /** Frames under way at one time. @default 48 */
  readonly ahead?: number
  readonly onEvent?: (event: RecognitionEvent) => void
}

/** Resolves when the last of `count` frames has ended. */
export async function play(
  pipeline: Pipeline,
  frames: readonly Uint8Array[],
  count: number,
  { cameras = 4, ahead = 48, onEvent = () => undefined }: PlayOptions = {},
): Promise<void> {
  const books = new Books()
  await using _answers = await subscribeAnswers(pipeline, 'bench', (answer) => {
    if (answer.kind === 'event') onEvent(answer.event)
    books.ended(answer)
  })
  for (let number = 0; number < count; number += 1) {
    await books.roomFor(ahead - 1)
    books.published()
    const camera = `cam-${number % cameras}`
    await pipeline.bus.publish([
      encodeFrame(pipeline.topics.frames, { camera, bytes: frames[number % frames.length]! }),
    ])
  }
  await books.closed()
}

export interface PlayedPair extends AsyncDisposable {
  readonly pipeline: Pipeline
  /** Crops that are embedded of each of the pair's frames. */
  readonly crops: readonly number[]
}

/** Opens the whole pipeline with a pair, and plays each of its frames once. */
export async function openPair({ models, frames, settings }: Pair, entries = usualEntries): Promise<PlayedPair> {
  await using scope = new AsyncDisposableStack()
  const { folder } = scope.use(await makeGallery(models, entries))
  const pipeline = scope.use(await openPipeline(valuesFor(pipelineSettings, { gallery: folder, models, ...settings })))
  const crops: number[] = []
  const { topics, bus } = pipeline
  const counted = await bus.subscribe({ group: 'crops', topic: topics.embeddings, maxBatch: 64 }, (batch) => {
    crops.push(...batch.map(({ value }) => decodeEmbeddings(value).embeddings.length))
    return Promise.resolve([])
  })
  // One camera, one at a time: they end in order.
  await play(pipeline, frames, frames.length, { cameras: 1, ahead: 1 })
  await counted[Symbol.asyncDispose]()
  const owned = scope.move()
  return { pipeline, crops, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** `list` again and again until there are `count`. */
export const cycle = <T>(list: readonly T[], count: number): readonly T[] =>
  Array.from({ length: count }, (_, index) => list[index % list.length]!)
