/** The matcher's settings. */
import { serviceSettings } from '@sightline/shared/process/service-settings.ts'
import { take } from '@sightline/shared/process/settings.ts'
import { defaultCandidates, defaultNmsIou } from './decide.ts'

export const matcherSettings = {
  ...serviceSettings,
  models: {
    schema: take.text().optional(),
    help: 'models folder; the models that come with Sightline where not given',
  },
  gallery: {
    schema: take.text(),
    help: 'gallery folder, or http(s)://HOST:6333/COLLECTION of a Qdrant; made where there is none',
  },
  qdrantApiKey: {
    schema: take.text().optional(),
    help: 'API key of Qdrant; over http:// it is readable on the way',
    isSecret: true,
  },
  threshold: {
    schema: take.number(-1, 1).optional(),
    help: "least similarity of a recognition; the embedder's where not given",
  },
  labelThresholds: {
    schema: take.numbers(-1, 1).default(new Map()),
    help: 'other thresholds for some labels, as JSON: {"Olive oil 0.5 l": 0.7}',
  },
  nmsIou: {
    schema: take.number(0, 1).default(defaultNmsIou),
    help: 'overlap (IoU) from which recognized boxes exclude each other',
  },
  candidates: { schema: take.integer(1, 100).default(defaultCandidates), help: 'candidates to report for each object' },
} as const
