/** The embedder stage: the crops of a frame become L2-normalized vectors. */
import type { Detections, Embeddings, ModelInfo } from '@sightline/shared/contracts/messages.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { decodeCrop, type TravellingCrop } from '@sightline/shared/imaging/crop-codec.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import { done, failed, type Outcome, type Stage } from '@sightline/shared/stage/stage.ts'
import type { EmbedInput, EmbedOutput } from './embed-task.ts'

export interface EmbedOptions {
  readonly session: Session<EmbedInput, EmbedOutput>
  readonly model: ModelInfo
  readonly now: () => number
}

/** Crops of all frames of a batch go to the session at once: it batches them across frames and partitions. */
export function embedStage(options: EmbedOptions): Stage<Detections, Embeddings> {
  return {
    name: 'embedder',
    process: (batch, signal) => Promise.all(batch.map((detections) => embed(detections, options, signal))),
  }
}

async function embed(detections: Detections, options: EmbedOptions, signal: AbortSignal): Promise<Outcome<Embeddings>> {
  signal.throwIfAborted()
  const started = options.now()
  const { detections: found, timings, ...rest } = detections
  try {
    const embeddings = await Promise.all(
      found.map(async ({ box, ...crop }) => ({ box, vector: await embedCrop(crop, options) })),
    )
    const embedMs = options.now() - started
    return done({ ...rest, embeddings, embedder: options.model, timings: { ...timings, embedMs } })
  } catch (error) {
    if (error instanceof SightlineError && !error.retryable) return failed(error)
    throw error
  }
}

async function embedCrop(crop: TravellingCrop, { session }: EmbedOptions): Promise<Float32Array> {
  const pixels = await decodeCrop(crop)
  return session.submit({ pixels }, [pixels.data.buffer])
}
