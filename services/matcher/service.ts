/** The matcher: reads `embeddings`, writes `recognitions`. What it runs on is passed in. */
import type { Subscription } from '@sightline/shared/bus/bus.ts'
import { encodeRecognitionEvent } from '@sightline/shared/contracts/recognition-event.ts'
import { decodeEmbeddings } from '@sightline/shared/contracts/wire.ts'
import { carriedFrameId, type StageRuntime, startStage } from '@sightline/shared/stage/run-stage.ts'
import { type MatchOptions, matchStage } from './match.ts'

export type MatcherOptions = StageRuntime & MatchOptions

export function startMatcher(options: MatcherOptions): Promise<Subscription> {
  const { topics } = options
  return startStage(options, {
    input: topics.embeddings,
    stage: matchStage(options),
    decode: ({ value }) => decodeEmbeddings(value),
    encode: (event) => encodeRecognitionEvent(topics.recognitions, event),
    frameId: carriedFrameId,
    skipped: ({ skipped }) => skipped,
    capturedAt: ({ capturedAt }) => Date.parse(capturedAt),
  })
}
