/** The matcher's process. */
import { runStageService } from '@sightline/shared/process/run-stage-service.ts'
import { openMatcher } from './matcher.ts'
import { matcherSettings } from './settings.ts'

await runStageService({
  name: 'matcher',
  summary: 'names what is in view; reads embeddings, writes recognitions',
  settings: matcherSettings,
  open: openMatcher,
})
