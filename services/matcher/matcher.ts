/** The matcher, composed once for its process and the embedded mode: reads `embeddings`, writes `recognitions`. */
import { carriedFrameId, frameHeaders, frameSubjectName } from '@sightline/shared/contracts/frame-subject.ts'
import { encodeRecognitionEvent } from '@sightline/shared/contracts/recognition-event.ts'
import { decodeEmbeddings } from '@sightline/shared/contracts/wire.ts'
import { galleryEmbedder, type OpenMode } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import { plainKeyWarning } from '@sightline/shared/gallery/qdrant/qdrant-location.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { inputCheck, type RunningStage, runtimeOf, type StagePorts } from '@sightline/shared/process/running-stage.ts'
import { startStage } from '@sightline/shared/stage/run-stage.ts'
import { matchStage } from './match.ts'
import type { MatcherSettings } from './settings.ts'

const name = 'matcher'

/**
 * `mode` says what becomes of a gallery that is not there.
 *
 * @throws what reading the embedder's manifest and opening the gallery throws
 */
export async function openMatcher(
  settings: MatcherSettings,
  ports: StagePorts,
  mode: OpenMode = 'create',
): Promise<RunningStage> {
  const { topics, log, now, whenThere = (_what, open) => open() } = ports
  const { gallery: location, qdrantApiKey: apiKey } = settings
  const { manifest } = await readEmbedder(settings.models ?? bundledModels)
  await using scope = new AsyncDisposableStack()
  const warning = plainKeyWarning(location, apiKey)
  if (warning !== null) log.warn({}, warning)
  const open = () => openGallery(location, galleryEmbedder(manifest), mode, { apiKey })
  const gallery = scope.use(await whenThere('the gallery', open))
  const { entries, items, revision } = await gallery.info()
  log.info({ entries, items, revision }, 'the gallery is open')
  if (entries === 0) log.warn({}, 'the gallery is empty: everything will be unknown')
  const stage = matchStage({
    gallery,
    threshold: settings.threshold ?? manifest.defaults.scoreThreshold,
    labelThresholds: settings.labelThresholds,
    nmsIou: settings.nmsIou,
    candidates: settings.candidates,
    now,
  })
  const subscription = scope.use(
    await startStage(runtimeOf(name, ports, settings.maxBatch), {
      input: topics.embeddings,
      stage,
      subject: {
        name: frameSubjectName,
        id: carriedFrameId,
        headers: frameHeaders,
        skipped: ({ skipped }) => skipped,
        since: ({ capturedAt }) => Date.parse(capturedAt),
      },
      decode: ({ value }) => decodeEmbeddings(value),
      encode: (event) => encodeRecognitionEvent(topics.recognitions, event),
    }),
  )
  const owned = scope.move()
  return {
    name,
    subscription,
    network: null,
    checks: [
      inputCheck(subscription),
      { name: 'gallery', isRequired: true, check: async () => void (await gallery.info()) },
    ],
    closed: subscription.closed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
