/** A thread for what would hold up the event loop: rare formats become TIFFs here, damaged JPEGs are read through. The only file that knows ImageMagick. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { SightlineError } from '../errors/errors.ts'
import { type PortableError, toPortable } from '../errors/portable-error.ts'
import { tooManyPixels, unreadable } from './image-errors.ts'
import { missingShareOf } from './jpeg-scan.ts'
import type { ConvertedKind, NativeKind } from './picture-kinds.ts'

export interface ConvertRequest {
  readonly bytes: Uint8Array
  readonly kind: ConvertedKind | NativeKind
  readonly maxPixels: number
  /** The picture as a TIFF, how many pixels that has, or what share of a JPEG is missing. */
  readonly want: 'tiff' | 'pixels' | 'missing'
}

export type ConvertAnswer =
  | { readonly tiff: Uint8Array<ArrayBuffer> }
  | { readonly pixels: number }
  | { readonly missing: number }
  /** The thread has to end where it `isBroken`. */
  | { readonly error: PortableError; readonly isBroken?: boolean }

const port = parentPort
if (port === null) throw new Error('convert-worker.ts runs as a worker thread')

/** ImageMagick takes 100 MB and as many ms to load: only once a picture needs it. */
async function load() {
  const magick = await import('@imagemagick/magick-wasm')
  const wasm = fileURLToPath(import.meta.resolve('@imagemagick/magick-wasm/magick.wasm'))
  await magick.initializeImageMagick(await readFile(wasm))
  // Nothing is swapped to a disk that is memory here.
  magick.ResourceLimits.disk = 0n
  return magick
}
let loading: ReturnType<typeof load> | undefined

async function convert({ bytes, kind, maxPixels, want }: ConvertRequest): Promise<ConvertAnswer> {
  loading ??= load()
  const { ColorSpace, CompressionMethod, ImageMagick, MagickError, MagickFormat, MagickImageInfo, MagickReadSettings } =
    await loading
  const formats: Partial<Record<ConvertedKind | NativeKind, (typeof MagickFormat)[keyof typeof MagickFormat]>> = {
    BMP: MagickFormat.Bmp,
    HEIC: MagickFormat.Heic,
    'AVIF sequence': MagickFormat.Avif,
    'JPEG 2000': bytes[0] === 0xff ? MagickFormat.J2k : MagickFormat.Jp2,
    'JPEG XL': MagickFormat.Jxl,
    PNM: MagickFormat.Pnm,
    JPEG: MagickFormat.Jpeg,
    TIFF: MagickFormat.Tiff,
  }
  const format = formats[kind]
  if (format === undefined) throw new Error(`nothing converts ${kind}`)
  // Never by what the bytes seem to be: ImageMagick knows formats that are programs.
  const settings = new MagickReadSettings({ format, frameIndex: 0, frameCount: 1 })
  try {
    const { width, height } = MagickImageInfo.create(bytes, settings)
    if (width * height > maxPixels) throw tooManyPixels(width, height, { maxPixels })
    if (want === 'pixels') return { pixels: width * height }
    const tiff = ImageMagick.read(bytes, settings, (image) => {
      image.settings.compression = CompressionMethod.NoCompression
      image.depth = 8
      if (image.colorSpace === ColorSpace.Lab) image.colorSpace = ColorSpace.sRGB
      return image.write(MagickFormat.Tiff, (written) => new Uint8Array(written))
    })
    return { tiff }
  } catch (cause) {
    if (cause instanceof SightlineError) throw cause
    const error = toPortable(unreadable(`the ${kind} is cut or damaged: ${wordsOf(cause)}`), 'IMAGE_UNREADABLE')
    // What is no refusal is a crash, after which the decoder's memory is anything.
    return cause instanceof MagickError ? { error } : { error, isBroken: true }
  }
}

/** ImageMagick says `UnableToReadImageData`, and where in its source. */
const wordsOf = (cause: unknown): string =>
  String(cause instanceof Error ? cause.message : cause)
    .split(/[`\n]/, 1)[0]!
    .trim()
    .replaceAll(/(?<=[a-z])[A-Z](?=[a-z])/g, (letter) => ` ${letter.toLowerCase()}`)
    .slice(0, 120)

async function answer(request: ConvertRequest): Promise<ConvertAnswer> {
  try {
    if (request.want !== 'missing') return await convert(request)
    return { missing: missingShareOf(request.bytes, request.maxPixels) }
  } catch (error) {
    return { error: toPortable(error, 'INTERNAL') }
  }
}

port.on('message', async (request: ConvertRequest) => {
  const answered = await answer(request)
  port.postMessage(answered, 'tiff' in answered ? [answered.tiff.buffer] : [])
})
