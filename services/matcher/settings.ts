/** The matcher's settings, as a service and in the embedded mode. */
import { usageError } from '@sightline/shared/errors/errors.ts'
import { combine, settingGroup, type ValuesOf } from '@sightline/shared/process/settings.ts'
import { stageSettings } from '@sightline/shared/process/stage-settings.ts'
import { take } from '@sightline/shared/process/take.ts'

/** PP-ShiTuV2 takes 0.05, and so loses one of two packages that stand side by side on a shelf; `eval --scenes` tells. */
const defaultNmsIou = 0.3

/** As many as PP-ShiTuV2 reports. */
const defaultCandidates = 5

/** Where the gallery is: for the matcher, and for who fills it. */
export const gallerySettings = settingGroup({
  gallery: {
    schema: take.text(),
    help: "the gallery's folder, or http(s)://HOST:6333/COLLECTION of a Qdrant, with the API key in SIGHTLINE_QDRANT_API_KEY",
    flag: { value: 'DIR' },
  },
  qdrantApiKey: {
    schema: take.text().optional(),
    help: 'API key of Qdrant; over http:// it is readable on the way',
    isSecret: true,
  },
})

export const matchSettings = settingGroup({
  threshold: {
    schema: take.number(-1, 1).optional(),
    help: 'least similarity of a recognition, -1..1; that of the gallery, or of its embedder, where not given',
    flag: { value: 'T' },
  },
  labelThresholds: {
    schema: take.numbers(-1, 1).default(new Map()),
    help: 'other thresholds for some labels, as JSON: {"Olive oil 0.5 l": 0.7}',
    flag: { name: 'label-threshold', value: 'L=T', join: joinLabelThresholds },
  },
  nmsIou: {
    schema: take.number(0, 1).default(defaultNmsIou),
    help: 'overlap (IoU) from which recognized boxes exclude each other, 0..1',
    flag: { value: 'T' },
  },
  candidates: {
    schema: take.integer(1, 100).default(defaultCandidates),
    help: 'candidates to report for each object',
    flag: { value: 'N' },
  },
})

export const matcherSettings = combine(stageSettings, gallerySettings, matchSettings)

export type MatcherSettings = ValuesOf<typeof matcherSettings>

/** `LABEL=T` as often as needed, as the JSON that the variable takes. */
function joinLabelThresholds(texts: readonly string[]): string {
  const entries = texts.map((text) => {
    const [, label, threshold = ''] = /^(.+)=([^=]+)$/.exec(text) ?? []
    const value = threshold.trim() === '' ? Number.NaN : Number(threshold)
    if (label === undefined || !(value >= -1 && value <= 1)) {
      throw usageError(`--label-threshold takes LABEL=T with T from -1 to 1, not '${text}'`)
    }
    return [label, value] as const
  })
  return JSON.stringify(Object.fromEntries(entries))
}
