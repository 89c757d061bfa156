/** The pairs of models that can be pulled: where their archives are, and how their networks are fed and read. */

import { usageError } from '@sightline/shared/errors/errors.ts'
import { picodetOutputSchema } from '@sightline/shared/inference/detector-output.ts'
import {
  detectorDefaultsSchema,
  embedderDefaultsSchema,
  embeddingOutputSchema,
  inputContractSchema,
} from '@sightline/shared/inference/model-manifest.ts'
import { z } from 'zod'
import entries from './catalogue.json' with { type: 'json' }

const common = {
  name: z.string(),
  /** File name of the archive; with a mirror it stands behind the mirror's address. */
  archive: z.string(),
  url: z.url(),
  licence: z.string(),
  /** Tensor names come from the conversion. */
  input: inputContractSchema.omit({ name: true }),
}

const pairSchema = z.object({
  detector: z.object({
    ...common,
    output: picodetOutputSchema.omit({ heads: true }),
    defaults: detectorDefaultsSchema,
  }),
  embedder: z.object({
    ...common,
    output: embeddingOutputSchema.omit({ name: true }),
    defaults: embedderDefaultsSchema,
  }),
})

export type CataloguePair = z.infer<typeof pairSchema>
export type Role = keyof CataloguePair

export const roles: readonly Role[] = ['detector', 'embedder']

const catalogue = z.record(z.string(), pairSchema).parse(entries)

/** Throws USAGE for a name that is not in the catalogue. */
export function cataloguePair(name: string | undefined): CataloguePair {
  const pair = name === undefined ? undefined : catalogue[name]
  if (pair === undefined) throw usageError(`which models? There are: ${Object.keys(catalogue).join(', ')}`)
  return pair
}

/** The archive's own address, or the one on a mirror: `base`/FILE. */
export function archiveUrl({ archive, url }: CataloguePair[Role], base: string | undefined): URL {
  if (base === undefined) return new URL(url)
  const address = `${base.replace(/\/+$/, '')}/${archive}`
  if (!/^https?:/.test(address) || !URL.canParse(address)) {
    throw usageError(`'${base}' is no address; give one like https://mirror.example/models`)
  }
  return new URL(address)
}
