/** How crops travel from the detector to the embedder: encoded small, with the embedding all but unchanged. */
import sharp from 'sharp'
import { decodeImage, type ImageLimits, type Pixels } from './decode.ts'
import { tooManyPixels, unreadable } from './image-errors.ts'

export type CropCodec =
  /** Without a quality it is the crop's size that decides. */
  | { readonly format: 'jpeg'; readonly quality?: number }
  | { readonly format: 'webp'; readonly quality: number }
  | { readonly format: 'png' }
  /** Bare pixels: no time at all, for where bytes cost nothing. */
  | { readonly format: 'raw' }

/** A crop as it travels: an encoded picture; where `size` is given its bare pixels, RGB row by row. */
export interface TravellingCrop {
  readonly crop: Uint8Array
  readonly size?: { readonly width: number; readonly height: number }
}

/** Chosen by `npm run bench -- crop-codec`: the least bytes and time that keep the embedding's median cosine above 0.999. */
export const defaultCropCodec: CropCodec = { format: 'jpeg' }

/** A small crop is blown up by the embedder, and every error with it; of a large one it sees the mean of several pixels. */
const qualities = [
  { upTo: 160, quality: 100 },
  { upTo: 224, quality: 99 },
  { upTo: 320, quality: 98 },
  { upTo: Number.POSITIVE_INFINITY, quality: 95 },
] as const

const qualityFor = (width: number, height: number): number =>
  qualities.find(({ upTo }) => Math.max(width, height) <= upTo)!.quality

/** What a pixel of a crop takes at most on average, to plan with: a little more than the bench's crops with the most print. */
export const bytesPerPixel = ({ format }: CropCodec): number => (format === 'jpeg' || format === 'webp' ? 2 : 3)

/** Reads `jpeg`, `jpeg:98`, `webp:95`, `png` or `raw`; undefined for anything else. */
export function parseCropCodec(text: string): CropCodec | undefined {
  if (text === 'jpeg' || text === 'png' || text === 'raw') return { format: text }
  const [, format, quality = ''] = /^(jpeg|webp):(100|[1-9]?[0-9])$/.exec(text) ?? []
  if (format === 'jpeg' || format === 'webp') return { format, quality: Math.max(Number(quality), 1) }
  return undefined
}

export async function encodeCrop({ data, width, height }: Pixels, codec: CropCodec): Promise<TravellingCrop> {
  if (codec.format === 'raw') return { crop: data, size: { width, height } }
  return { crop: await encode({ data, width, height }, codec) }
}

async function encode({ data, width, height }: Pixels, codec: Exclude<CropCodec, { format: 'raw' }>): Promise<Buffer> {
  const picture = sharp(data, { raw: { width, height, channels: 3 } })
  switch (codec.format) {
    case 'jpeg':
      // Full colour resolution: packages differ by the colour of small print.
      // Huffman tables of its own would halve the speed for a twentieth of the bytes.
      return picture
        .jpeg({
          quality: codec.quality ?? qualityFor(width, height),
          chromaSubsampling: '4:4:4',
          optimizeCoding: false,
        })
        .toBuffer()
    case 'webp':
      return picture.webp({ quality: codec.quality, effort: 0 }).toBuffer()
    case 'png':
      return picture.png({ compressionLevel: 1 }).toBuffer()
  }
}

/** At once: megabytes a frame, left to it, would keep the garbage collector busy. What shares a buffer with others is left alone. */
export function freeCrop({ crop: { buffer, byteLength } }: TravellingCrop): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !buffer.detached) buffer.transfer(0)
}

/** Crops come from the detector, but over a topic that others can write to. */
const cropLimits: ImageLimits = { maxBytes: 4 * 1024 * 1024, maxPixels: 1_048_576, timeoutSeconds: 5 }

/** Pixels of their own, to be moved on. Throws as `decodeImage` does. */
export async function decodeCrop({ crop, size }: TravellingCrop): Promise<Pixels> {
  if (size === undefined) return decodeImage(crop, cropLimits)
  const { width, height } = size
  if (width * height > cropLimits.maxPixels) throw tooManyPixels(width, height, cropLimits)
  if (crop.length !== width * height * 3 || crop.length === 0) {
    throw unreadable(`a crop of ${crop.length} bytes is not ${width} x ${height} pixels of 3`)
  }
  return { data: new Uint8Array(crop), width, height }
}
