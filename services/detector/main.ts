/** The detector's process. */
import { runStageService } from '@sightline/shared/process/run-stage-service.ts'
import { openDetector } from './detector.ts'
import { detectorSettings } from './settings.ts'

await runStageService({
  name: 'detector',
  summary: 'finds where something is in view; reads frames, writes detections',
  settings: detectorSettings,
  open: openDetector,
})
