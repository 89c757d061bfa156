/** The detector stage: an encoded frame becomes boxes with a crop of each, or a reason why not. */
import type { Frame } from '@sightline/shared/contracts/frame.ts'
import type { Detections, FrameInfo, Look, ModelInfo, Truncated } from '@sightline/shared/contracts/messages.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { type CropCodec, encodeCrop, freeCrop, type TravellingCrop } from '@sightline/shared/imaging/crop-codec.ts'
import { decodeImage, type ImageLimits, type Pixels } from '@sightline/shared/imaging/decode.ts'
import type { PictureMemory } from '@sightline/shared/imaging/picture-memory.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import { done, dropped, failed, type Outcome, type Stage } from '@sightline/shared/stage/stage.ts'
import pLimit from 'p-limit'
import type { DetectInput, DetectOutput } from './detect-task.ts'
import { bytesBeside, cropPixelsFor, fitting } from './fit.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { SceneMode } from './scene.ts'

export interface DetectOptions {
  readonly session: Session<DetectInput, DetectOutput>
  readonly model: ModelInfo
  /** For the provenance of frames that are not computed. */
  readonly detectionThreshold: number
  /** How closely to look, by camera. */
  readonly scene: (camera: string) => SceneMode
  /** The largest message that the frame's detections may be, in bytes. */
  readonly maxMessageBytes: () => number
  readonly limits: ImageLimits
  readonly cropCodec: CropCodec
  /** By camera: an older frame is not computed but still ends in an event; null computes all. */
  readonly maxFrameAgeMs: (camera: string) => number | null
  readonly memory: FrameMemory
  /** Told of each frame whose time can't be and was put right; `isFirst` once a camera. @default nobody is told */
  readonly onOddTime?: (told: OddTime) => void
  /** Frames decoded at one time, ahead of the network. */
  readonly framesAtOnce: number
  /** Frames of many pixels wait for it. */
  readonly pictureMemory: PictureMemory
  readonly now: () => number
}

/** A frame that came with a time that can't be. */
export interface OddTime {
  readonly camera: string
  readonly frameId: string
  /** What it came with, as text. */
  readonly time: string
  /** The camera's first one since the start, or since some ten thousand other cameras had theirs. */
  readonly isFirst: boolean
}

const oddCamerasKept = 10_000

export function detectStage(options: DetectOptions): Stage<Frame, Detections> {
  const limit = pLimit(options.framesAtOnce)
  const oddCameras = new Set<string>()
  const tell = ({ camera, id, oddTime }: Frame): void => {
    if (oddTime === null) return
    options.onOddTime?.({ camera, frameId: id, time: oddTime, isFirst: !oddCameras.has(camera) })
    // Anyone may publish, with as many names of cameras as they like.
    if (oddCameras.size >= oddCamerasKept) oddCameras.clear()
    oddCameras.add(camera)
  }
  return {
    name: 'detector',
    process(batch, signal) {
      batch.forEach(tell)
      return Promise.all(batch.map((frame) => limit(() => detect(frame, options, signal))))
    },
  }
}

async function detect(frame: Frame, options: DetectOptions, signal: AbortSignal): Promise<Outcome<Detections>> {
  signal.throwIfAborted()
  const { memory } = options
  if (await memory.isDuplicate(frame)) return dropped('duplicate')
  try {
    const detections = isStale(frame, options)
      ? detectionsOf(frame, options, { skipped: 'stale' })
      : await compute(frame, options)
    if (!(await memory.claim(frame))) return dropped('duplicate')
    return done(detections)
  } catch (error) {
    if (!(error instanceof SightlineError) || error.retryable) throw error
    await memory.forget(frame)
    return failed(error)
  }
}

function isStale({ camera, capturedAt }: Frame, { maxFrameAgeMs, now }: DetectOptions): boolean {
  const maxAge = maxFrameAgeMs(camera)
  return maxAge !== null && now() - capturedAt > maxAge
}

async function compute(frame: Frame, options: DetectOptions): Promise<Detections> {
  const started = options.now()
  using room = options.pictureMemory.room()
  const pixels = await decodeImage(frame.bytes, options.limits, room)
  const { width, height } = pixels
  const decoded = options.now()
  const bytes = options.maxMessageBytes() - bytesBeside(frame)
  const cropPixels = cropPixelsFor({ width, height }, bytes, options.cropCodec)
  const scene = options.scene(frame.camera)
  const { boxes, crops, look, threshold } = await options.session.submit({ pixels, scene, cropPixels }, [
    pixels.data.buffer,
  ])
  const encoded = await Promise.all(crops.map((crop) => encode(crop, options.cropCodec)))
  const kept = fitting(encoded, bytes)
  encoded.slice(kept).forEach(freeCrop)
  return detectionsOf(frame, options, {
    size: { width, height },
    detections: encoded.slice(0, kept).map((crop, index) => ({ box: boxes[index]!, ...crop })),
    timings: { decodeMs: decoded - started, detectMs: options.now() - decoded, embedMs: 0 },
    threshold,
    look,
    ...(kept < boxes.length && { truncated: { found: boxes.length, kept } }),
  })
}

async function encode(pixels: Pixels, codec: CropCodec): Promise<TravellingCrop> {
  const encoded = await encodeCrop(pixels, codec)
  if (encoded.crop !== pixels.data) freeCrop({ crop: pixels.data })
  return encoded
}

interface Found {
  readonly size?: FrameInfo['size']
  readonly skipped?: string
  readonly detections?: Detections['detections']
  readonly timings?: Detections['timings']
  readonly threshold?: number
  readonly look?: Look
  readonly truncated?: Truncated
}

function detectionsOf(frame: Frame, { model, detectionThreshold }: DetectOptions, found: Found): Detections {
  const { id, camera, source, capturedAt } = frame
  return {
    frame: { id, camera, source, capturedAt, size: found.size ?? null, skipped: found.skipped ?? null },
    detections: found.detections ?? [],
    detector: model,
    detectionThreshold: found.threshold ?? detectionThreshold,
    timings: found.timings ?? { decodeMs: 0, detectMs: 0, embedMs: 0 },
    ...(found.look && { look: found.look }),
    ...(found.truncated && { truncated: found.truncated }),
  }
}
