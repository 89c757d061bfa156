/** The matcher's process. */
import { deadLetterTopic } from '@sightline/shared/contracts/topics.ts'
import { galleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import { plainKeyWarning } from '@sightline/shared/gallery/qdrant/qdrant-location.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { runService } from '@sightline/shared/process/run-service.ts'
import { startMatcher } from './service.ts'
import { matcherSettings } from './settings.ts'

await runService({
  name: 'matcher',
  summary: 'names what is in view; reads embeddings, writes recognitions',
  settings: matcherSettings,
  topics: ({ embeddings, recognitions }) => [embeddings, recognitions, deadLetterTopic(embeddings)],

  async start(values, { runtime, scope, health, metrics, log, group, whenThere }) {
    const { manifest } = await readEmbedder(values.models ?? bundledModels)
    const warning = plainKeyWarning(values.gallery, values.qdrantApiKey)
    if (warning !== null) log.warn({}, warning)
    const open = () => openGallery(values.gallery, galleryEmbedder(manifest), 'create', { apiKey: values.qdrantApiKey })
    const gallery = scope.use(await whenThere('the gallery', open))
    health.add({ name: 'gallery', isRequired: true, check: async () => void (await gallery.info()) })
    const { entries, items, revision } = await gallery.info()
    log.info({ entries, items, revision }, 'the gallery is open')
    if (entries === 0) log.warn({}, 'the gallery is empty: everything will be unknown')
    const subscription = scope.use(
      await startMatcher({
        ...runtime,
        group: group('matcher'),
        gallery,
        threshold: values.threshold ?? manifest.defaults.scoreThreshold,
        labelThresholds: values.labelThresholds,
        nmsIou: values.nmsIou,
        candidates: values.candidates,
      }),
    )
    metrics.watch('matcher', subscription, runtime.now)
    return { closed: subscription.closed }
  },
})
