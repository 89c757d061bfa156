/** The embedder's settings. */
import { networkSettings, serviceSettings } from '@sightline/shared/process/service-settings.ts'

export const embedderSettings = { ...serviceSettings, ...networkSettings } as const
