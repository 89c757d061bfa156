/**
 * `node bench/crop-codec.ts [--pictures DIR]`: how crops should travel from the detector to the embedder.
 *
 * For each codec: bytes, ms to encode and decode, and the cosine of the embedding to that of the unencoded crop. The
 * default is the smallest that keeps the median of them above 0.999.
 */
import { parseArgs } from 'node:util'
import { galleryPictures } from '../demo/gallery-pictures.ts'
import { makeStock } from '../demo/shooting.ts'
import { openEmbedderSession } from '../services/embedder/session.ts'
import { type CropCodec, decodeCrop, encodeCrop } from '../shared/imaging/crop-codec.ts'
import { decodeImage, defaultImageLimits, type Pixels } from '../shared/imaging/decode.ts'
import { Kernels } from '../shared/imaging/kernels/kernels.ts'
import { cropAndResize } from '../shared/imaging/resize.ts'
import { wholeRect } from '../shared/imaging/rows.ts'
import { bundledModels, readEmbedder } from '../shared/inference/models-folder.ts'
import { sampleFrames } from './frames.ts'
import { machine, median } from './machine.ts'

const { values } = parseArgs({ options: { pictures: { type: 'string' } } })

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

async function pictures(): Promise<readonly Uint8Array[]> {
  if (values.pictures !== undefined) return sampleFrames(values.pictures)
  const found: Uint8Array[] = []
  for await (const { jpeg } of galleryPictures(await makeStock(), 'bench', 3)) found.push(jpeg)
  return found
}

const embedder = await readEmbedder(bundledModels)
const { width, height } = embedder.manifest.input
await using session = await openEmbedderSession(embedder, { workers: 1, threadsPerWorker: 1 })
/** A copy goes to the session, which takes its pixels away. */
const embed = ({ data }: Pixels): Promise<Float32Array> =>
  session.submit({ pixels: { data: data.slice(), width, height } })
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0)

const kernels = new Kernels()
const crops: { readonly crop: Pixels; readonly vector: Float32Array }[] = []
for (const bytes of await pictures()) {
  const picture = await decodeImage(bytes, defaultImageLimits)
  const cut = { picture, rect: wholeRect(picture), width, height, interpolation: 'linear' } as const
  const crop = { data: cropAndResize(kernels, cut), width, height }
  crops.push({ crop, vector: await embed(crop) })
}

process.stdout.write(`${machine()}; ${embedder.manifest.name}, ${crops.length} crops of ${width} x ${height}\n\n`)
process.stdout.write(
  '| codec | KiB | encode ms | decode ms | cosine, median | cosine, worst |\n|---|---|---|---|---|---|\n',
)
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
  const name = !('quality' in codec) ? codec.format : `${codec.format} ${codec.quality}`
  const cells = [
    (median(bytes) / 1024).toFixed(1),
    median(encodeMs).toFixed(2),
    median(decodeMs).toFixed(2),
    median(cosines).toFixed(5),
    Math.min(...cosines).toFixed(5),
  ]
  process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`)
}
