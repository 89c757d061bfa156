/** The detector stage: an encoded frame becomes boxes with a crop of each, or a reason why not. */
import type { Frame } from '@sightline/shared/contracts/frame.ts'
import type { Detections, FrameInfo, ModelInfo } from '@sightline/shared/contracts/messages.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { type CropCodec, encodeCrop } from '@sightline/shared/imaging/crop-codec.ts'
import { decodeImage, type ImageLimits } from '@sightline/shared/imaging/decode.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import { done, dropped, failed, type Outcome, type Stage } from '@sightline/shared/stage/stage.ts'
import pLimit from 'p-limit'
import type { DetectInput, DetectOutput } from './detect-task.ts'
import type { FrameMemory } from './frame-memory.ts'

export interface DetectOptions {
  readonly session: Session<DetectInput, DetectOutput>
  readonly model: ModelInfo
  /** As given to the session, for the event's provenance. */
  readonly detectionThreshold: number
  readonly limits: ImageLimits
  readonly cropCodec: CropCodec
  /** By camera: an older frame is not computed but still ends in an event; null computes all. */
  readonly maxFrameAgeMs: (camera: string) => number | null
  readonly memory: FrameMemory
  /** Frames held as pixels at one time: this bounds the memory, a 50-megapixel frame takes 150 MB. */
  readonly framesAtOnce: number
  readonly now: () => number
}

export function detectStage(options: DetectOptions): Stage<Frame, Detections> {
  const limit = pLimit(options.framesAtOnce)
  return {
    name: 'detector',
    process: (batch, signal) => Promise.all(batch.map((frame) => limit(() => detect(frame, options, signal)))),
  }
}

async function detect(frame: Frame, options: DetectOptions, signal: AbortSignal): Promise<Outcome<Detections>> {
  signal.throwIfAborted()
  if (await options.memory.isDuplicate(frame)) return dropped('duplicate')
  const maxAge = options.maxFrameAgeMs(frame.camera)
  if (maxAge !== null && options.now() - frame.capturedAt > maxAge) {
    return done(detectionsOf(frame, options, { skipped: 'stale' }))
  }
  try {
    const detections = await compute(frame, options)
    await options.memory.keep(frame)
    return done(detections)
  } catch (error) {
    if (error instanceof SightlineError && !error.retryable) return failed(error)
    throw error
  }
}

async function compute(frame: Frame, options: DetectOptions): Promise<Detections> {
  const started = options.now()
  const pixels = await decodeImage(frame.bytes, options.limits)
  const { width, height } = pixels
  const decoded = options.now()
  const { boxes, crops } = await options.session.submit({ pixels }, [pixels.data.buffer])
  const encoded = await Promise.all(crops.map((crop) => encodeCrop(crop, options.cropCodec)))
  return detectionsOf(frame, options, {
    size: { width, height },
    detections: boxes.map((box, index) => ({ box, crop: encoded[index]! })),
    timings: { decodeMs: decoded - started, detectMs: options.now() - decoded, embedMs: 0 },
  })
}

interface Found {
  readonly size?: FrameInfo['size']
  readonly skipped?: string
  readonly detections?: Detections['detections']
  readonly timings?: Detections['timings']
}

function detectionsOf(frame: Frame, { model, detectionThreshold }: DetectOptions, found: Found): Detections {
  const { id, camera, source, capturedAt } = frame
  return {
    frame: { id, camera, source, capturedAt, size: found.size ?? null, skipped: found.skipped ?? null },
    detections: found.detections ?? [],
    detector: model,
    detectionThreshold,
    timings: found.timings ?? { decodeMs: 0, detectMs: 0, embedMs: 0 },
  }
}
