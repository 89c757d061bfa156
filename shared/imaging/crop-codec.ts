/** How crops travel from the detector to the embedder: encoded small, with the embedding all but unchanged. */
import sharp from 'sharp'
import { decodeImage, type ImageLimits, type Pixels } from './decode.ts'

export type CropCodec =
  | { readonly format: 'jpeg'; readonly quality: number }
  | { readonly format: 'webp'; readonly quality: number }
  | { readonly format: 'png' }
  /** Bare pixels behind a line of text (netpbm's P6): no time at all, for where bytes cost nothing. */
  | { readonly format: 'ppm' }

/** Chosen by `npm run bench -- crop-codec`: the least bytes and time that keep the embedding's median cosine above 0.999. */
export const defaultCropCodec: CropCodec = { format: 'jpeg', quality: 98 }

/** Reads `jpeg:98`, `webp:95`, `png` or `ppm`; undefined for anything else. */
export function parseCropCodec(text: string): CropCodec | undefined {
  if (text === 'png' || text === 'ppm') return { format: text }
  const [, format, quality = ''] = /^(jpeg|webp):(100|[1-9]?[0-9])$/.exec(text) ?? []
  if (format === 'jpeg' || format === 'webp') return { format, quality: Math.max(Number(quality), 1) }
  return undefined
}

export async function encodeCrop(pixels: Pixels, codec: CropCodec): Promise<Uint8Array> {
  const { data, width, height } = pixels
  if (codec.format === 'ppm') return encodePpm(pixels)
  const picture = sharp(data, { raw: { width, height, channels: 3 } })
  switch (codec.format) {
    case 'jpeg':
      // Full colour resolution: packages differ by the colour of small print.
      return picture.jpeg({ quality: codec.quality, chromaSubsampling: '4:4:4' }).toBuffer()
    case 'webp':
      return picture.webp({ quality: codec.quality, effort: 0 }).toBuffer()
    case 'png':
      return picture.png({ compressionLevel: 1 }).toBuffer()
  }
}

/** Crops come from the detector, but over a topic that others can write to. */
const cropLimits: ImageLimits = { maxBytes: 4 * 1024 * 1024, maxPixels: 1_048_576, timeoutSeconds: 5 }

/** Throws as `decodeImage` does. */
export const decodeCrop = async (bytes: Uint8Array): Promise<Pixels> =>
  decodePpm(bytes) ?? (await decodeImage(bytes, cropLimits))

function encodePpm({ data, width, height }: Pixels): Uint8Array {
  const header = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`)
  const bytes = new Uint8Array(header.length + data.length)
  bytes.set(header)
  bytes.set(data, header.length)
  return bytes
}

/** Longer than any header within the limits. */
const ppmHeaderBytes = 24

/** Null for other formats, and for a file whose size is not what it says: that one is no picture. */
function decodePpm(bytes: Uint8Array): Pixels | null {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x36) return null
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, ppmHeaderBytes))
  const [header = '', columns, rows] = /^P6\n(\d{1,5}) (\d{1,5})\n255\n/.exec(text) ?? []
  const [width, height] = [Number(columns), Number(rows)]
  if (bytes.length !== header.length + width * height * 3 || width * height === 0) return null
  return { data: new Uint8Array(bytes.subarray(header.length)), width, height }
}
