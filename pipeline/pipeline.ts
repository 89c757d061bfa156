/** The whole pipeline in one process: the very stages of the three services, composed over the in-memory bus. */
import { FrameMemory } from '@sightline/detector/frame-memory.ts'
import { startDetector } from '@sightline/detector/service.ts'
import { type DetectionOptions, detectionThreshold, openDetectorSession } from '@sightline/detector/session.ts'
import { startEmbedder } from '@sightline/embedder/service.ts'
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { defaultCandidates, defaultNmsIou } from '@sightline/matcher/decide.ts'
import { startMatcher } from '@sightline/matcher/service.ts'
import type { Bus } from '@sightline/shared/bus/bus.ts'
import { MemoryBus } from '@sightline/shared/bus/memory/memory-bus.ts'
import { modelInfo } from '@sightline/shared/contracts/messages.ts'
import { messageLimit, type Topics, topicNames } from '@sightline/shared/contracts/topics.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import { defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import type { Execution } from '@sightline/shared/inference/execution-providers.ts'
import type { DetectorManifest, EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { defaultWorkers, type WorkerOptions } from '@sightline/shared/inference/workers.ts'
import type { BatchReport } from '@sightline/shared/stage/run-stage.ts'
import { MemoryState } from '@sightline/shared/state/memory-state.ts'

export interface Models {
  readonly detector: Model<DetectorManifest>
  readonly embedder: Model<EmbedderManifest>
}

export interface RecognitionOptions {
  readonly detectionThreshold?: number | undefined
  readonly detectionNmsIou?: number | undefined
  readonly maxBoxes?: number | undefined
  readonly wholeFrame?: DetectionOptions['wholeFrame'] | undefined
  /** Recognition threshold; the embedder manifest's where not given. */
  readonly threshold?: number | undefined
  readonly labelThresholds?: ReadonlyMap<string, number> | undefined
  readonly nmsIou?: number | undefined
  readonly maxFrameAgeMs?: number | undefined
}

export interface PipelineOptions extends RecognitionOptions {
  readonly models: Models
  readonly gallery: Gallery
  /** Of each network. @default defaultWorkers() */
  readonly workers?: WorkerOptions | undefined
  readonly report?: ((report: BatchReport) => void) | undefined
}

export interface Pipeline extends AsyncDisposable {
  readonly bus: Bus
  readonly topics: Topics
  /** Where the networks run. */
  readonly networks: readonly { readonly execution: Execution }[]
  /** Rejects when a part of the pipeline can't go on. */
  readonly closed: Promise<void>
}

/** Frames of a camera between two commits; enough to keep the workers busy while a batch ends. */
const maxBatch = 16

/** In one process nothing has to fit a broker: the largest picture that is decoded, and room for its headers. */
const maxMessageBytes = defaultImageLimits.maxBytes + 64 * 1024

/** Who reads the answers is there before the frames: what all have read is let go at once. */
const nothing = { messages: 0, bytes: 0 }

/** Frames held as pixels at one time. */
const framesAtOnce = 8

/** A frame published again under the same id within this time, in ms, is dropped. */
const dedupeMs = 600_000

/** Disposing finishes the frames that are under way, stage by stage, then closes the sessions. The gallery stays open. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { models, gallery, workers = defaultWorkers() } = options
  await using scope = new AsyncDisposableStack()
  const topics = topicNames()
  const bus = scope.use(
    new MemoryBus({ partitions: 8, maxMessageBytes: messageLimit(maxMessageBytes), retention: nothing }),
  )
  const detection: DetectionOptions = {
    scoreThreshold: options.detectionThreshold,
    maxBoxes: options.maxBoxes,
    nmsIou: options.detectionNmsIou,
    wholeFrame: options.wholeFrame ?? 'fallback',
    crop: models.embedder.manifest.input,
  }
  const detector = scope.use(await openDetectorSession(models.detector, detection, workers))
  const embedder = scope.use(await openEmbedderSession(models.embedder, workers))
  const runtime = { bus, topics, maxBatch, report: options.report ?? (() => undefined), now: Date.now }

  // Subscribed last stage first, disposed first stage first: what a stage hands on still finds its reader.
  const matching = scope.use(
    await startMatcher({
      ...runtime,
      group: 'matcher',
      gallery,
      threshold: options.threshold ?? models.embedder.manifest.defaults.scoreThreshold,
      labelThresholds: options.labelThresholds ?? new Map(),
      nmsIou: options.nmsIou ?? defaultNmsIou,
      candidates: defaultCandidates,
    }),
  )
  const embedding = scope.use(
    await startEmbedder({
      ...runtime,
      group: 'embedder',
      session: embedder,
      model: modelInfo(models.embedder.manifest),
    }),
  )
  const detecting = scope.use(
    await startDetector({
      ...runtime,
      group: 'detector',
      session: detector,
      model: modelInfo(models.detector.manifest),
      detectionThreshold: detectionThreshold(models.detector, detection),
      limits: defaultImageLimits,
      // In memory bytes cost nothing, encoding does.
      cropCodec: { format: 'ppm' },
      maxFrameAgeMs: () => options.maxFrameAgeMs ?? null,
      memory: new FrameMemory(scope.use(new MemoryState()), {
        scope: 'embedded',
        dedupeMs,
        recentMs: 0,
        now: Date.now,
        onState: () => undefined,
      }),
      framesAtOnce,
    }),
  )
  const closed = Promise.all([matching, embedding, detecting, detector, embedder].map((one) => one.closed))
  const owned = scope.move()
  return {
    bus,
    topics,
    networks: [detector, embedder],
    closed: closed.then(() => undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
