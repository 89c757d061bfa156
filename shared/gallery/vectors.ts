/** What every gallery driver asks of a vector, and how alike two are. */
import { SightlineError } from '../errors/errors.ts'
import type { GalleryEmbedder } from './gallery.ts'

/** Cosine is only a dot product between unit vectors: anything else would be rubbish with confidence. Throws GALLERY_EMBEDDER. */
export function checkVector(what: string, vector: Float32Array, { name, dimension }: GalleryEmbedder): void {
  if (vector.length !== dimension) {
    throw new SightlineError(
      'GALLERY_EMBEDDER',
      `${what} has ${vector.length} values; the gallery's embedder ${name} makes ${dimension}`,
    )
  }
  const length = Math.sqrt(dot(vector, vector))
  if (!(Math.abs(length - 1) < 1e-3)) {
    throw new SightlineError('GALLERY_EMBEDDER', `${what} is not of unit length but ${length}`)
  }
}

/** Of unit vectors; rounding takes equal ones a little beyond 1. */
export const cosine = (a: Float32Array, b: Float32Array): number => clampCosine(dot(a, b))

export const clampCosine = (score: number): number => Math.min(Math.max(score, -1), 1)

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index += 1) sum += a[index]! * b[index]!
  return sum
}
