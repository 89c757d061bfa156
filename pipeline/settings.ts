/** The settings of the whole pipeline in one process: those of the three stages, each as the services have it. */
import { detectorSettings } from '@sightline/detector/settings.ts'
import { embedderSettings } from '@sightline/embedder/settings.ts'
import { matcherSettings } from '@sightline/matcher/settings.ts'
import { combine, type ValuesOf } from '@sightline/shared/process/settings.ts'

export const pipelineSettings = combine(detectorSettings, embedderSettings, matcherSettings)

export type PipelineSettings = ValuesOf<typeof pipelineSettings>
