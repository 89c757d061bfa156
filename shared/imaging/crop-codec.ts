/** How crops travel from the detector to the embedder: encoded small, with the embedding all but unchanged. */
import sharp from 'sharp'
import { decodeImage, type ImageLimits, type Pixels } from './decode.ts'

export type CropCodec =
  | { readonly format: 'jpeg'; readonly quality: number }
  | { readonly format: 'webp'; readonly quality: number }
  | { readonly format: 'png' }

/** Chosen by `node bench/crop-codec.ts`: the least bytes and time that keep the embedding's cosine at 0.999 or above. */
export const defaultCropCodec: CropCodec = { format: 'jpeg', quality: 95 }

export function encodeCrop({ data, width, height }: Pixels, codec: CropCodec): Promise<Uint8Array> {
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
export const decodeCrop = (bytes: Uint8Array): Promise<Pixels> => decodeImage(bytes, cropLimits)
