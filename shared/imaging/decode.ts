/** Turns untrusted encoded pictures into RGB pixels, within limits; whatever the bytes are, the end is pixels or an IMAGE_* error. */
import sharp from 'sharp'
import { describeError, SightlineError } from '../errors/errors.ts'

// libvips keeps decoded tiles for pictures that are opened again; a stream never opens one twice. One thread a picture:
// several pictures are decoded side by side on libuv's pool, and the cores belong to the networks.
sharp.cache(false)
sharp.concurrency(1)

/** An 8-bit sRGB picture: `data` holds height · width · 3 bytes, row by row, and fills its buffer, which can be transferred. */
export interface Pixels {
  readonly data: Uint8Array<ArrayBuffer>
  readonly width: number
  readonly height: number
}

export interface ImageLimits {
  /** Encoded bytes. */
  readonly maxBytes: number
  /** Width · height, checked from the header before anything is allocated. */
  readonly maxPixels: number
  /** Seconds a picture may take to decode. */
  readonly timeoutSeconds: number
}

export const defaultImageLimits: ImageLimits = {
  maxBytes: 32 * 1024 * 1024,
  maxPixels: 64_000_000,
  timeoutSeconds: 20,
}

/** Formats that are pixels and nothing else; SVG and PDF can refer outside and run long. */
const formats: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif'])

/**
 * Decodes JPEG, PNG, WebP, AVIF, GIF or TIFF. EXIF orientation is applied, of an animation the first picture is taken,
 * grey, CMYK, 16-bit and palette pictures become 8-bit sRGB. Transparent parts become white, the background that
 * packshots are photographed on (OpenCV would show the arbitrary colour hidden beneath).
 *
 * Throws IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_UNREADABLE or IMAGE_TIMEOUT.
 */
export async function decodeImage(bytes: Uint8Array, limits: ImageLimits): Promise<Pixels> {
  if (bytes.length === 0) throw new SightlineError('IMAGE_EMPTY', 'the picture has no bytes')
  if (bytes.length > limits.maxBytes) {
    throw new SightlineError(
      'IMAGE_TOO_LARGE',
      `the picture has ${bytes.length} bytes; at most ${limits.maxBytes} are allowed`,
    )
  }
  try {
    const picture = sharp(bytes, { limitInputPixels: limits.maxPixels, failOn: 'truncated', sequentialRead: true })
    const { format, width, height } = await picture.metadata()
    if (!formats.has(format)) {
      throw new SightlineError('IMAGE_UNREADABLE', `pictures of the format '${format}' are not accepted`)
    }
    if (width * height > limits.maxPixels) {
      throw new SightlineError(
        'IMAGE_TOO_LARGE',
        `the picture is ${width}x${height}; at most ${limits.maxPixels} pixels are allowed`,
      )
    }
    const { data, info } = await picture
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .timeout({ seconds: limits.timeoutSeconds })
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { data: toRgb(data, info.channels), width: info.width, height: info.height }
  } catch (error) {
    throw error instanceof SightlineError ? error : imageError(error, limits)
  }
}

/**
 * Three channels, copied: sharp's own buffer can't be moved to a worker. (Its toUint8Array() can, but sharp 0.35.5 never
 * frees what that returns.) Grey pictures have one channel.
 */
function toRgb(data: Buffer, channels: number): Uint8Array<ArrayBuffer> {
  if (channels === 3) return new Uint8Array(data)
  const pixels = data.length / channels
  const rgb = new Uint8Array(pixels * 3)
  for (let pixel = 0; pixel < pixels; pixel += 1) rgb.fill(data[pixel * channels]!, pixel * 3, pixel * 3 + 3)
  return rgb
}

function imageError(cause: unknown, limits: ImageLimits): SightlineError {
  const text = describeError(cause)
  if (/pixel limit/i.test(text)) {
    return new SightlineError('IMAGE_TOO_LARGE', `the picture has more than ${limits.maxPixels} pixels`)
  }
  if (/timeout/i.test(text)) {
    return new SightlineError('IMAGE_TIMEOUT', `decoding took longer than ${limits.timeoutSeconds} s`)
  }
  return new SightlineError('IMAGE_UNREADABLE', 'not a picture that can be read', { cause: text.slice(0, 200) })
}
