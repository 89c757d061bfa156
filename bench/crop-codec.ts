/**
 * `npm run bench -- crop-codec [--pictures DIR]`: how crops should travel from the detector to the embedder.
 *
 * For each codec: bytes, ms to encode and decode, and the cosine of the embedding to that of the unencoded crop. The
 * default is the smallest that keeps the median of them above 0.999.
 */
import { dot } from '../evaluation/retrieval.ts'
import { openEmbedderSession } from '../services/embedder/session.ts'
import { type CropCodec, decodeCrop, encodeCrop } from '../shared/imaging/crop-codec.ts'
import { decodeImage, defaultImageLimits, type Pixels } from '../shared/imaging/decode.ts'
import { Kernels } from '../shared/imaging/kernels/kernels.ts'
import { cropAndResize } from '../shared/imaging/resize.ts'
import { wholeRect } from '../shared/imaging/rows.ts'
import { bundledModels, readEmbedder } from '../shared/inference/models-folder.ts'
import { packshots } from './frames.ts'
import type { Part, Row } from './part.ts'
import { median } from './statistics.ts'

const codecs: readonly CropCodec[] = [
  { format: 'raw' },
  { format: 'jpeg', quality: 90 },
  { format: 'jpeg', quality: 95 },
  { format: 'jpeg', quality: 98 },
  { format: 'jpeg', quality: 99 },
  { format: 'jpeg', quality: 100 },
  { format: 'webp', quality: 95 },
  { format: 'webp', quality: 98 },
  { format: 'png' },
]

export const cropCodecPart: Part = {
  name: 'crop-codec',
  about: 'how crops should travel between processes: bytes, time and what the embedding loses',
  isUsual: false,
  async measure({ pictures }) {
    const embedder = await readEmbedder(bundledModels)
    const { width, height } = embedder.manifest.input
    await using session = await openEmbedderSession(embedder, { workers: 1, threadsPerWorker: 1 })
    /** A copy goes to the session, which takes its pixels away. */
    const embed = ({ data }: Pixels): Promise<Float32Array> =>
      session.submit({ pixels: { data: data.slice(), width, height } })
    const crops: { readonly crop: Pixels; readonly vector: Float32Array }[] = []
    const kernels = new Kernels()
    for (const bytes of await packshots(pictures, 3)) {
      const picture = await decodeImage(bytes, defaultImageLimits)
      const cut = { picture, rect: wholeRect(picture), width, height, interpolation: 'linear' } as const
      const crop = { data: cropAndResize(kernels, cut), width, height }
      crops.push({ crop, vector: await embed(crop) })
    }
    const rows: Row[] = []
    for (const codec of codecs) {
      const bytes: number[] = []
      const encodeMs: number[] = []
      const decodeMs: number[] = []
      const cosines: number[] = []
      for (const { crop, vector } of crops) {
        const started = performance.now()
        const encoded = await encodeCrop(crop, codec)
        const between = performance.now()
        const decoded = await decodeCrop(encoded)
        bytes.push(encoded.crop.length)
        encodeMs.push(between - started)
        decodeMs.push(performance.now() - between)
        cosines.push(dot(await embed(decoded), vector))
      }
      rows.push({
        name: 'quality' in codec ? `${codec.format} ${codec.quality}` : codec.format,
        figures: [
          { value: median(bytes) / 1024, unit: 'KiB' },
          { value: median(encodeMs), unit: 'ms to encode' },
          { value: median(decodeMs), unit: 'ms to decode' },
          { value: median(cosines), unit: 'cosine, median', digits: 5 },
          { value: Math.min(...cosines), unit: 'worst', digits: 5 },
        ],
      })
    }
    return rows
  },
}
