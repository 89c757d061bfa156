/** The embedder: reads `detections`, writes `embeddings`. What it runs on is passed in. */
import type { Subscription } from '@sightline/shared/bus/bus.ts'
import { decodeDetections, encodeEmbeddings } from '@sightline/shared/contracts/wire.ts'
import { carriedFrameId, type StageRuntime, startStage } from '@sightline/shared/stage/run-stage.ts'
import { type EmbedOptions, embedStage } from './embed.ts'

export type EmbedderOptions = StageRuntime & EmbedOptions

export function startEmbedder(options: EmbedderOptions): Promise<Subscription> {
  const { topics } = options
  return startStage(options, {
    input: topics.detections,
    stage: embedStage(options),
    decode: ({ value }) => decodeDetections(value),
    encode: (message) => ({
      topic: topics.embeddings,
      key: message.frame.camera,
      value: encodeEmbeddings(message),
      headers: {},
    }),
    frameId: carriedFrameId,
    skipped: ({ frame }) => frame.skipped,
    capturedAt: ({ frame }) => frame.capturedAt,
  })
}
