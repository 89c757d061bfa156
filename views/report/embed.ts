/** Pictures made small and put into the page itself, so that the report is one file that needs nothing else. */
import type { RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { decodeImage, defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import sharp from 'sharp'
import { type Markup, trusted } from './html.ts'

/** A data URI of the picture, at most width × height; null where it can't be read. */
export const embed = (bytes: Uint8Array, width: number, height: number): Promise<Markup | null> =>
  embedPart(bytes, null, width, height)

/** The same of the part of the picture in the box, with a narrow margin. */
export async function embedPart(
  bytes: Uint8Array,
  box: RecognizedObject['box'] | null,
  width: number,
  height: number,
): Promise<Markup | null> {
  // The same decoder as the pipeline's: what it refuses, the report does not open either.
  const pixels = await decodeImage(bytes, defaultImageLimits).catch((error: unknown) => {
    if (error instanceof SightlineError) return null
    throw error
  })
  if (pixels === null) return null
  let picture = sharp(pixels.data, { raw: { width: pixels.width, height: pixels.height, channels: 3 } })
  if (box !== null) picture = picture.extract(regionOf(box, pixels.width, pixels.height))
  const jpeg = await picture
    .resize(width, height, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 74 })
    .toBuffer()
  return trusted(`data:image/jpeg;base64,${jpeg.toString('base64')}`)
}

function regionOf(
  [x1, y1, x2, y2]: RecognizedObject['box'],
  width: number,
  height: number,
): { readonly left: number; readonly top: number; readonly width: number; readonly height: number } {
  const margin = 0.06 * Math.max(x2 - x1, y2 - y1)
  const left = Math.min(width - 1, Math.max(0, Math.floor(x1 - margin)))
  const top = Math.min(height - 1, Math.max(0, Math.floor(y1 - margin)))
  const right = Math.min(width, Math.ceil(x2 + margin))
  const bottom = Math.min(height, Math.ceil(y2 + margin))
  return { left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) }
}
