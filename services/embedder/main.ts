/** The embedder's process. */
import { deadLetterTopic } from '@sightline/shared/contracts/topics.ts'
import { executionCheck } from '@sightline/shared/inference/execution-providers.ts'
import { modelInfo } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { workersOf } from '@sightline/shared/inference/workers.ts'
import { runService } from '@sightline/shared/service/run-service.ts'
import { embedderSettings } from './config.ts'
import { startEmbedder } from './service.ts'
import { openEmbedderSession } from './session.ts'

await runService({
  name: 'embedder',
  summary: 'turns each crop into a vector; reads detections, writes embeddings',
  settings: embedderSettings,
  topics: ({ detections, embeddings }) => [detections, embeddings, deadLetterTopic(detections)],

  async start(values, { runtime, scope, health, metrics, group }) {
    const model = await readEmbedder(values.models ?? bundledModels)
    const onBatch = (size: number): void => metrics.observeNetworkBatch('embedder', size)
    const session = scope.use(await openEmbedderSession(model, { ...workersOf(values), onBatch }))
    health.add(executionCheck(session))
    metrics.watchExecution('embedder', session)
    health.add({ name: 'model', isRequired: true, check: () => Promise.race([session.closed, Promise.resolve()]) })
    const subscription = scope.use(
      await startEmbedder({
        ...runtime,
        group: group('embedder'),
        session,
        model: modelInfo(model.manifest),
      }),
    )
    metrics.watch('embedder', subscription, runtime.now)
    return { closed: Promise.all([subscription.closed, session.closed]).then(() => undefined) }
  },
})
