/** The whole pipeline in one process: the three stages as their services compose them, over the in-memory bus. */
import { openDetector } from '@sightline/detector/detector.ts'
import { openEmbedder } from '@sightline/embedder/embedder.ts'
import { openMatcher } from '@sightline/matcher/matcher.ts'
import type { Bus } from '@sightline/shared/bus/bus.ts'
import { MemoryBus } from '@sightline/shared/bus/memory/memory-bus.ts'
import { messageLimit } from '@sightline/shared/contracts/dead-letter-topics.ts'
import { type Topics, topicNames } from '@sightline/shared/contracts/topology.ts'
import { type Logger, silentLogger } from '@sightline/shared/errors/logger.ts'
import { galleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import type { Execution } from '@sightline/shared/inference/execution-providers.ts'
import { bundledModels, readEmbedderManifest } from '@sightline/shared/inference/models-folder.ts'
import type { StagePorts } from '@sightline/shared/process/running-stage.ts'
import type { BatchReport } from '@sightline/shared/stage/run-stage.ts'
import type { PipelineSettings } from './settings.ts'

export interface PipelineListeners {
  /** Told what each batch of a stage came to. */
  readonly report?: (report: BatchReport) => void
  /** @default nothing is told: what goes wrong with a frame is its dead letter, with the pipeline `closed` */
  readonly log?: Logger
}

export interface Pipeline extends AsyncDisposable {
  readonly bus: Bus
  readonly topics: Topics
  /** Where the networks run. */
  readonly networks: readonly { readonly execution: Execution }[]
  /** Rejects when a part of the pipeline can't go on. */
  readonly closed: Promise<void>
}

const partitions = 8

/** A frame's own headers. */
const headerBytes = 64 * 1024

/** Who reads the answers is there before the frames: what all have read is let go at once. */
const nothing = { messages: 0, bytes: 0 }

/**
 * Opens the stages on memory drivers; the gallery has to be there. Disposing finishes the frames that are under way, stage
 * by stage.
 *
 * @throws what opening the models and the gallery throws
 */
export async function openPipeline(
  settings: PipelineSettings,
  { report = () => undefined, log = silentLogger }: PipelineListeners = {},
): Promise<Pipeline> {
  await using scope = new AsyncDisposableStack()
  const topics = topicNames()
  // In one process nothing has to fit a broker: the largest picture that is decoded passes.
  const maxMessageBytes = messageLimit(settings.maxFrameBytes + headerBytes)
  const bus = scope.use(new MemoryBus({ partitions, maxMessageBytes, retention: nothing }))
  const deployment = { cluster: 'embedded', prefix: '' }
  const ports: StagePorts = { bus, topics, group: (stage) => stage, deployment, log, report, now: Date.now }
  // Subscribed last stage first, disposed first stage first: what a stage hands on still finds its reader.
  const manifest = await readEmbedderManifest(settings.models ?? bundledModels)
  const matcher = scope.use(await openMatcher(settings, ports, galleryEmbedder(manifest)))
  const embedder = scope.use(await openEmbedder(settings, ports))
  const detector = scope.use(await openDetector({ ...settings, ...inMemory }, ports))
  const closed = Promise.all([matcher, embedder, detector].map((stage) => stage.closed))
  const owned = scope.move()
  return {
    bus,
    topics,
    networks: [detector, embedder].flatMap(({ network }) => network ?? []),
    closed: closed.then(() => undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** In memory bytes cost nothing, encoding does; and there is no other detector to remember frames for. */
const inMemory = { cropCodec: { format: 'raw' }, redisUrl: undefined } as const
