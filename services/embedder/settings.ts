/** The embedder's settings, as a service and in the embedded mode. */
import { combine, type ValuesOf } from '@sightline/shared/process/settings.ts'
import { networkSettings, stageSettings } from '@sightline/shared/process/stage-settings.ts'

export const embedderSettings = combine(stageSettings, networkSettings)

export type EmbedderSettings = ValuesOf<typeof embedderSettings>
