/** The matcher stage: the embeddings of a frame become its recognition event. */
import type { Embeddings, Look, ModelInfo } from '@sightline/shared/contracts/messages.ts'
import type { RecognitionEvent } from '@sightline/shared/contracts/recognition-event.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { GalleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { done, failed, type Outcome, type Stage } from '@sightline/shared/stage/stage.ts'
import { type DecideOptions, decide, type Match } from './decide.ts'
import type { KnownInfo, KnownItems } from './known-items.ts'

export interface MatchOptions extends Omit<DecideOptions, 'threshold'> {
  readonly gallery: KnownItems
  /** Least cosine similarity of a recognition with this embedder. */
  readonly threshold: (embedder: GalleryEmbedder | null) => number
  readonly now: () => number
}

/** Pictures searched per candidate to report: an item is enrolled with several, which must not crowd out the others. */
const picturesPerCandidate = 10

/** All boxes of a batch are searched in one call. */
export function matchStage(options: MatchOptions): Stage<Embeddings, RecognitionEvent> {
  const { gallery, candidates, now } = options
  return {
    name: 'matcher',
    async process(batch) {
      const started = now()
      const info = await gallery.info()
      const usable = batch.map(({ embedder }) => embedderProblem(info, embedder) === null)
      const vectors = batch.flatMap(({ embeddings }, index) => (usable[index] ? embeddings.map((e) => e.vector) : []))
      const hits = await gallery.search(vectors, candidates * picturesPerCandidate)
      let next = 0
      return batch.map((embeddings): Outcome<RecognitionEvent> => {
        const problem = embedderProblem(info, embeddings.embedder)
        if (problem !== null) return failed(problem)
        const matches = embeddings.embeddings.map(({ box }) => ({ box, hits: hits[next++] ?? [] }))
        return done(eventOf(embeddings, matches, info, options, started))
      })
    },
  }
}

const sceneOf = ({ scene: mode, columns, rows, maxBoxes }: Look): NonNullable<RecognitionEvent['scene']> => ({
  mode,
  tiles: { columns, rows },
  maxBoxes,
})

/** Vectors of different models can't be compared: the answer would be rubbish with confidence. */
function embedderProblem({ embedder }: KnownInfo, { name, sha256 }: ModelInfo): SightlineError | null {
  if (embedder === null || embedder.sha256 === sha256) return null
  return new SightlineError(
    'GALLERY_EMBEDDER',
    `the gallery holds vectors of ${embedder.name} (${embedder.sha256.slice(0, 12)}), the frame was embedded by ${name} (${sha256.slice(0, 12)}): rebuild the gallery with the embedder that runs, or run the gallery's`,
  )
}

function eventOf(
  { frame, detector, embedder, detectionThreshold, timings, look, truncated }: Embeddings,
  matches: readonly Match[],
  { revision, entries, items, embedder: known }: KnownInfo,
  options: MatchOptions,
  started: number,
): RecognitionEvent {
  const now = options.now()
  const threshold = options.threshold(known)
  return {
    id: frame.id,
    camera: frame.camera,
    source: frame.source,
    capturedAt: new Date(frame.capturedAt).toISOString(),
    image: frame.size,
    objects: decide(matches, { ...options, threshold }),
    skipped: frame.skipped,
    gallery: { revision, entries, items },
    models: { detector, embedder },
    thresholds: { detection: detectionThreshold, recognition: threshold },
    ...(look !== undefined && { scene: sceneOf(look) }),
    ...(truncated !== undefined && { truncated }),
    timings: { ...timings, matchMs: now - started, totalMs: now - frame.capturedAt },
  }
}
