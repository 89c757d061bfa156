/** The matcher, composed once for its process and the embedded mode: reads `embeddings`, writes `recognitions`. */
import { join } from 'node:path'
import { carriedFrameId, frameHeaders, frameSubjectName } from '@sightline/shared/contracts/frame-subject.ts'
import { encodeRecognitionEvent } from '@sightline/shared/contracts/recognition-event.ts'
import { decodeEmbeddings } from '@sightline/shared/contracts/wire.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { GalleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { openGallery, readGalleryEmbedder } from '@sightline/shared/gallery/open-gallery.ts'
import { plainKeyWarning } from '@sightline/shared/gallery/qdrant/qdrant-location.ts'
import { readManifest } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, modelNames, readEmbedderManifest } from '@sightline/shared/inference/models-folder.ts'
import { inputCheck, type RunningStage, runtimeOf, type StagePorts } from '@sightline/shared/process/running-stage.ts'
import { startStage } from '@sightline/shared/stage/run-stage.ts'
import { openKnownItems } from './known-items.ts'
import { matchStage } from './match.ts'
import type { MatcherSettings } from './settings.ts'

const name = 'matcher'

/**
 * It runs no network, and needs no models: whose vectors they are, and from which similarity on they are recognized, the
 * gallery itself says. With `strict` there has to be a gallery of that embedder.
 *
 * @throws what opening the gallery throws
 */
export async function openMatcher(
  settings: MatcherSettings,
  ports: StagePorts,
  strict?: GalleryEmbedder,
): Promise<RunningStage> {
  const { topics, log, now, whenThere = (_what, open) => open() } = ports
  const { gallery: location, qdrantApiKey: apiKey } = settings
  await using scope = new AsyncDisposableStack()
  const warning = plainKeyWarning(location, apiKey)
  if (warning !== null) log.warn({}, warning)
  const open = (embedder: GalleryEmbedder) => openGallery(location, embedder, 'read', { apiKey })
  if (strict !== undefined) await (await open(strict))[Symbol.asyncDispose]()
  const embedder = () => readGalleryEmbedder(location, { apiKey })
  const gallery = scope.use(await whenThere('the gallery', () => openKnownItems({ embedder, open, now })))
  const { entries, items, revision } = await gallery.info()
  log.info({ entries, items, revision }, 'the gallery is open')
  if (entries === 0) log.warn({}, 'the gallery is empty, or not there yet: everything will be unknown')
  else
    for (const unknown of await gallery.unknownLabels(settings.labelThresholds.keys()))
      log.warn({}, `a threshold of its own without effect: ${unknown}`)
  const earlier = await thresholdsOfOurs()
  const stage = matchStage({
    gallery,
    threshold: (known, own) => settings.threshold ?? own ?? known?.threshold ?? earlier(known),
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

/**
 * For galleries of earlier versions, which do not tell from which similarity on something is recognized: that of the model
 * that comes with Sightline, by its manifest. Throws CONFIG_INVALID where the gallery is of none of these.
 */
async function thresholdsOfOurs(): Promise<(embedder: GalleryEmbedder | null) => number> {
  const manifests = await Promise.all(
    (await modelNames(bundledModels)).map((one) => readManifest(join(bundledModels, one))),
  )
  const inUse = await readEmbedderManifest(bundledModels)
  return (embedder) => {
    const found = embedder === null ? inUse : manifests.find(({ sha256 }) => sha256 === embedder.sha256)
    if (found?.task === 'embedder') return found.defaults.scoreThreshold
    throw new SightlineError(
      'CONFIG_INVALID',
      `the gallery was made by an earlier version, and does not tell from which similarity on ${embedder?.name} recognizes something: set SIGHTLINE_THRESHOLD, or build it again`,
    )
  }
}
