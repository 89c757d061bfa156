/** The detector: reads `frames`, writes `detections`. What it runs on is passed in. */
import type { Subscription } from '@sightline/shared/bus/bus.ts'
import { decodeFrame, frameIdOf } from '@sightline/shared/contracts/frame.ts'
import { encodeDetections } from '@sightline/shared/contracts/wire.ts'
import { type StageRuntime, startStage } from '@sightline/shared/stage/run-stage.ts'
import { type DetectOptions, detectStage } from './detect.ts'

export type DetectorOptions = StageRuntime & DetectOptions

export function startDetector(options: DetectorOptions): Promise<Subscription> {
  const { topics } = options
  return startStage(options, {
    input: topics.frames,
    stage: detectStage(options),
    decode: (delivery) => decodeFrame(delivery, options.now()),
    encode: (message) => ({
      topic: topics.detections,
      key: message.frame.camera,
      value: encodeDetections(message),
      headers: {},
    }),
    frameId: frameIdOf,
    skipped: ({ frame }) => frame.skipped,
    capturedAt: ({ frame }) => frame.capturedAt,
  })
}
