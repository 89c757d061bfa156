/** What is wrong with a picture, in words that are made of that picture alone. */
import { SightlineError } from '../errors/errors.ts'

export interface ImageLimits {
  /** Encoded bytes. */
  readonly maxBytes: number
  /** Width · height, checked from the header before anything is allocated. */
  readonly maxPixels: number
  /** Seconds a picture may take to decode. */
  readonly timeoutSeconds: number
}

export const unreadable = (message: string, options?: { readonly cause: unknown }): SightlineError =>
  new SightlineError('IMAGE_UNREADABLE', message, options)

export const tooManyPixels = (width: number, height: number, { maxPixels }: Pick<ImageLimits, 'maxPixels'>) =>
  new SightlineError('IMAGE_TOO_LARGE', `the picture is ${width}x${height}; at most ${maxPixels} pixels are allowed`)

export const tookTooLong = ({ timeoutSeconds }: Pick<ImageLimits, 'timeoutSeconds'>) =>
  new SightlineError('IMAGE_TIMEOUT', `decoding took longer than ${timeoutSeconds} s`)
