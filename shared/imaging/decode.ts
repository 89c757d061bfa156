/** Turns untrusted encoded pictures into RGB pixels, within limits; whatever the bytes are, the end is pixels or an IMAGE_* error of that picture's own. */
import sharp, { type FailOnOptions, type Metadata } from 'sharp'
import { SightlineError } from '../errors/errors.ts'
import { convertToTiff, missingShare } from './convert.ts'
import { type ImageLimits, tookTooLong, tooManyPixels, unreadable } from './image-errors.ts'
import { hasHole } from './jpeg-scan.ts'
import { faultOf } from './picture-faults.ts'
import { type PictureKind, pictureKindOf } from './picture-kinds.ts'
import type { Room } from './picture-memory.ts'
import { examineTiff } from './tiff-header.ts'

export type { ImageLimits } from './image-errors.ts'

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

export const defaultImageLimits: ImageLimits = {
  maxBytes: 32 * 1024 * 1024,
  maxPixels: 64_000_000,
  timeoutSeconds: 20,
}

/**
 * Decodes JPEG, PNG, WebP, AVIF, GIF, TIFF, HEIC, JPEG XL, JPEG 2000, BMP or PNM; what a picture is, its bytes say. EXIF
 * orientation is applied, of an animation the first picture is taken, grey, CMYK, 16-bit and palette pictures become 8-bit
 * sRGB. Transparent parts become white, the background that packshots are photographed on (OpenCV would show the
 * arbitrary colour hidden beneath).
 *
 * A damaged JPEG is read as libjpeg and OpenCV read it, where it misses little; otherwise nothing is made up.
 *
 * `room` is asked for memory before any is taken, and keeps that of the pixels; without it nothing waits.
 *
 * Throws IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_UNREADABLE or IMAGE_TIMEOUT.
 */
export async function decodeImage(bytes: Uint8Array, limits: ImageLimits, room: Room = noRoom): Promise<Pixels> {
  if (bytes.length === 0) throw new SightlineError('IMAGE_EMPTY', 'the picture has no bytes')
  if (bytes.length > limits.maxBytes) {
    throw new SightlineError(
      'IMAGE_TOO_LARGE',
      `the picture has ${bytes.length} bytes; at most ${limits.maxBytes} are allowed`,
    )
  }
  const kind = pictureKindOf(bytes)
  if (kind === null) throw unreadable(`no picture of a kind that is known: it begins with ${beginningOf(bytes)}`)
  if (kind.reader === 'none') throw unreadable(`${kind.name} is not read: send JPEG, PNG or WebP`)
  const pixels = await decodeKind(bytes, kind, limits, room)
  await room.need(pixels.data.length)
  return pixels
}

const noRoom: Room = { need: () => Promise.resolve(), [Symbol.dispose]: () => undefined }

async function decodeKind(bytes: Uint8Array, kind: ReadKind, limits: ImageLimits, room: Room): Promise<Pixels> {
  if (kind.reader === 'converter') return decodeConverted(bytes, kind.name, limits, room)
  if (kind.name === 'JPEG') return decodeJpeg(bytes, limits, room)
  if (kind.name === 'TIFF') return decodeTiff(bytes, limits, room)
  const pixels = await decode(bytes, 'truncated', limits, room)
  if (pixels === null) throw unreadable(faultOf(kind.name, bytes))
  return pixels
}

type ReadKind = Exclude<PictureKind, { readonly reader: 'none' }>

const beginningOf = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  return /^[\x20-\x7e]+$/.test(text) ? JSON.stringify(text) : Buffer.from(bytes.subarray(0, 12)).toString('hex')
}

/** More than this of a picture that is missing is no picture: what libjpeg fills in would be looked at like the rest. */
const mostMissing = 1 / 8

/** Most are whole. Of the others it is known first what they miss: libvips reads past any damage, or past none. */
async function decodeJpeg(bytes: Uint8Array, limits: ImageLimits, room: Room): Promise<Pixels> {
  const whole = hasHole(bytes) ? null : await decode(bytes, 'warning', limits, room)
  if (whole !== null) return whole
  const missing = await missingShare(bytes, limits)
  if (missing > mostMissing) {
    throw unreadable(`the JPEG is cut or damaged: ${Math.round(missing * 100)} % of the picture is missing`)
  }
  // libvips gives up at the hundredth of libjpeg's warnings, a camera with stray bytes makes thousands.
  return (await decode(bytes, 'none', limits, room)) ?? decodeConverted(bytes, 'JPEG', limits, room)
}

async function decodeTiff(bytes: Uint8Array, limits: ImageLimits, room: Room): Promise<Pixels> {
  const { fault, isTiled, width, height } = examineTiff(bytes)
  // libvips complains on standard error of sizes beyond its own.
  if (width * height > limits.maxPixels) throw tooManyPixels(width, height, limits)
  if (fault !== null) throw unreadable(fault)
  // Of tiles that can't be decoded libvips makes black ones and warns, as it does of tags that it does not know.
  const pixels = await decode(bytes, isTiled ? 'warning' : 'error', limits, room)
  return pixels ?? decodeConverted(bytes, 'TIFF', limits, room)
}

async function decodeConverted(
  bytes: Uint8Array,
  kind: Parameters<typeof convertToTiff>[1],
  limits: ImageLimits,
  room: Room,
): Promise<Pixels> {
  const tiff = await convertToTiff(bytes, kind, limits, room)
  // Its room is more than enough for what is left to do.
  const pixels = await decode(tiff, 'error', limits, noRoom)
  if (pixels === null) throw unreadable(`the ${kind} is damaged`)
  return pixels
}

/** Null where libvips can't: its words are not to be trusted, being those of any picture in the process. */
async function decode(
  bytes: Uint8Array,
  failOn: FailOnOptions,
  limits: ImageLimits,
  room: Room,
): Promise<Pixels | null> {
  let start = performance.now()
  try {
    const picture = sharp(bytes, { limitInputPixels: false, failOn, sequentialRead: true })
    const header = await picture.metadata()
    const { width, height, depth, channels, icc } = header
    if (width * height > limits.maxPixels) throw tooManyPixels(width, height, limits)
    if (channels > 4) throw unreadable(`the picture has ${channels} channels; at most 4 are read`)
    await room.need(width * height * bytesPerPixel(header))
    start = performance.now()
    if (depth !== 'uchar' && icc !== undefined)
      return await decode(await inEightBits(bytes, failOn, limits), failOn, limits, noRoom)
    const { data, info } = await picture
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .timeout({ seconds: limits.timeoutSeconds })
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { data: toRgb(data, info.channels), width: info.width, height: info.height }
  } catch (error) {
    if (error instanceof SightlineError) throw error
    if (performance.now() - start >= limits.timeoutSeconds * 1000) throw tookTooLong(limits)
    return null
  }
}

/** What decoding takes for a pixel at most, its three bytes included: measured with pictures of 64 megapixels. */
function bytesPerPixel({ format, depth, icc, isProgressive, orientation = 1 }: Metadata): number {
  // Turned as a whole; a progressive picture is there as a whole before its first row is.
  const whole = (orientation > 1 ? 3 : 0) + (isProgressive ? (format === 'jpeg' ? 6 : 3) : 0)
  const decoder = format === 'heif' ? 16 : format === 'webp' || format === 'gif' ? 5 : 0
  const profile = depth !== 'uchar' && icc !== undefined ? 4 : 0
  return 3.5 + whole + decoder + profile
}

/** With its colour profile: sharp takes pictures of 16 bits to Display P3 instead of sRGB, and leaves them there. */
async function inEightBits(bytes: Uint8Array, failOn: FailOnOptions, limits: ImageLimits): Promise<Uint8Array> {
  const picture = sharp(bytes, { limitInputPixels: false, failOn, sequentialRead: true, ignoreIcc: true })
  const { space } = await picture.metadata()
  return picture
    .autoOrient()
    .toColourspace(space === 'grey16' ? 'b-w' : 'srgb')
    .keepIccProfile()
    .timeout({ seconds: limits.timeoutSeconds })
    .tiff({ compression: 'none' })
    .toBuffer()
}

/**
 * Three channels; grey pictures have one. Taken over from sharp: its own buffer could not be moved to a worker, and what
 * is left to the garbage collector of a stream of pictures keeps that busy. (toUint8Array() of sharp 0.35.5 is never freed.)
 */
function toRgb(buffer: Buffer<ArrayBuffer>, channels: number): Uint8Array<ArrayBuffer> {
  const { byteOffset, length } = buffer
  const data = new Uint8Array(buffer.buffer.transfer(), byteOffset, length)
  if (channels === 3) return data.length === data.buffer.byteLength ? data : data.slice()
  const pixels = data.length / channels
  const rgb = new Uint8Array(pixels * 3)
  for (let pixel = 0; pixel < pixels; pixel += 1) rgb.fill(data[pixel * channels]!, pixel * 3, pixel * 3 + 3)
  return rgb
}
