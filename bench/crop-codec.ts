/**
 * `npm run bench -- crop-codec [--pictures DIR]`: how crops should travel from the detector to the embedder.
 *
 * For crops of several sizes and each codec: bytes, ms to encode and decode, and the cosine of the embedding to that of the crop
 * that did not travel. The default is the smallest that keeps the median of them above 0.999 at each size.
 */
import { type CropCodec, decodeCrop, encodeCrop } from '../shared/imaging/crop-codec.ts'
import { fromAfar, openShippedEmbedder, packshotPixels } from './crops.ts'
import type { Part, Row } from './part.ts'
import { median } from './statistics.ts'

/** Longer sides of crops, up to the bound. */
const sides = [64, 128, 192, 256, 320, 448]

const codecs: readonly CropCodec[] = [
  { format: 'jpeg' },
  { format: 'jpeg', quality: 92 },
  { format: 'jpeg', quality: 95 },
  { format: 'jpeg', quality: 98 },
  { format: 'jpeg', quality: 100 },
  { format: 'webp', quality: 98 },
  { format: 'png' },
]

const nameOf = (codec: CropCodec): string =>
  'quality' in codec ? `${codec.format} ${codec.quality}` : codec.format === 'jpeg' ? 'jpeg by size' : codec.format

export const cropCodecPart: Part = {
  name: 'crop-codec',
  about: 'how crops should travel between processes: bytes, time and what the embedding loses',
  isUsual: false,
  async measure({ pictures }) {
    await using embedder = await openShippedEmbedder()
    const packshots = await packshotPixels(pictures)
    const rows: Row[] = []
    for (const side of sides) {
      const crops = packshots.map((picture) => fromAfar(picture, side))
      const vectors = await Promise.all(crops.map((crop) => embedder.vector(crop)))
      for (const codec of codecs) {
        const bytes: number[] = []
        const encodeMs: number[] = []
        const decodeMs: number[] = []
        const cosines: number[] = []
        for (const [index, crop] of crops.entries()) {
          const started = performance.now()
          const encoded = await encodeCrop(crop, codec)
          const between = performance.now()
          const decoded = await decodeCrop(encoded)
          bytes.push(encoded.crop.length)
          encodeMs.push(between - started)
          decodeMs.push(performance.now() - between)
          cosines.push(await embedder.cosine(decoded, vectors[index]!))
        }
        rows.push({
          name: `longer side ${side}: ${nameOf(codec)}`,
          figures: [
            { value: median(bytes) / 1024, unit: 'KiB' },
            { value: median(encodeMs), unit: 'ms to encode' },
            { value: median(decodeMs), unit: 'ms to decode' },
            { value: median(cosines), unit: 'cosine, median', digits: 5 },
            { value: Math.min(...cosines), unit: 'worst', digits: 5 },
          ],
        })
      }
    }
    return rows
  },
}
