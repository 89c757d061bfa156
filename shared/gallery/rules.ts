/** What a gallery's owner has decided about its recognitions, kept with it: thresholds, and what a similarity is worth. */
import { z } from 'zod'
import { SightlineError } from '../errors/errors.ts'

const similarity = z.number().min(-1).max(1)

const calibration = z.object({
  /** Probability = 1 / (1 + exp(−(slope · similarity + offset))), Platt's logistic curve. */
  slope: z.number().positive(),
  offset: z.number(),
  /** Answers that it was fitted to. */
  answers: z.int().nonnegative(),
  /** Of the gallery that it was fitted to. */
  revision: z.int().nonnegative(),
})

const gallery = z.object({
  /** Least similarity of a recognition in this gallery; the embedder's own where not given. */
  threshold: similarity.optional(),
  /** Of single items; goes before that of the label. */
  items: z.record(z.string(), similarity).default({}),
  /** Of single labels. */
  labels: z.record(z.string(), similarity).default({}),
  calibration: calibration.optional(),
})

export type GalleryRules = z.infer<typeof gallery>
export type Calibration = z.infer<typeof calibration>

/** Of a gallery of which nothing was decided. */
export const noRules: GalleryRules = { items: {}, labels: {} }

/** The probability, 0..1, that a name of this similarity is right. */
export const probabilityOf = (similarity: number, { slope, offset }: Pick<Calibration, 'slope' | 'offset'>): number =>
  1 / (1 + Math.exp(-(slope * similarity + offset)))

/** As both drivers keep them. Throws CONFIG_INVALID for what can be no rule: a threshold of 2. */
export function writeRules(rules: GalleryRules): string {
  const { data, error } = gallery.safeParse(rules)
  if (data !== undefined) return JSON.stringify(data)
  const [issue] = error.issues
  throw new SightlineError('CONFIG_INVALID', `a gallery can't keep ${issue?.path.join(' ')}: ${issue?.message}`)
}

/** `text` is what `writeRules` made; undefined where nothing was. Throws GALLERY_CORRUPT. */
export function readRules(text: string | undefined): GalleryRules {
  if (text === undefined) return noRules
  try {
    return gallery.parse(JSON.parse(text))
  } catch (cause) {
    throw new SightlineError('GALLERY_CORRUPT', "the gallery's thresholds and calibration can't be read", { cause })
  }
}
