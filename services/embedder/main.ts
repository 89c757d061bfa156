/** The embedder's process. */
import { runStageService } from '@sightline/shared/process/run-stage-service.ts'
import { openEmbedder } from './embedder.ts'
import { embedderSettings } from './settings.ts'

await runStageService({
  name: 'embedder',
  summary: 'turns each crop into a vector; reads detections, writes embeddings',
  settings: embedderSettings,
  open: openEmbedder,
})
