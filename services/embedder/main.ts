/** The embedder's process. */

import { modelInfo } from '@sightline/shared/contracts/messages.ts'
import { deadLetterTopic } from '@sightline/shared/contracts/topics.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { workersOf } from '@sightline/shared/inference/workers.ts'
import { executionCheck } from '@sightline/shared/process/execution-check.ts'
import { runService } from '@sightline/shared/process/run-service.ts'
import { startEmbedder } from './service.ts'
import { openEmbedderSession } from './session.ts'
import { embedderSettings } from './settings.ts'

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
