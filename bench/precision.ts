/**
 * `node bench/precision.ts [--pictures DIR]`: what the int8 forms of the models in use save, and how far the vectors of the
 * embedder's two forms are apart.
 */
import { parseArgs } from 'node:util'
import { galleryPictures } from '../demo/gallery-pictures.ts'
import { makeStock } from '../demo/shooting.ts'
import { openDetectorSession } from '../services/detector/session.ts'
import { openEmbedderSession } from '../services/embedder/session.ts'
import { decodeImage, defaultImageLimits } from '../shared/imaging/decode.ts'
import type { EmbedderManifest, Model } from '../shared/inference/model-manifest.ts'
import { bundledModels, readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { chooseForm } from '../shared/inference/precision.ts'
import { sampleFrames } from './frames.ts'
import { machine, median } from './machine.ts'

const { values } = parseArgs({ options: { pictures: { type: 'string' } } })
const workers = { workers: 1, threadsPerWorker: 1 }
const [detector, embedder] = [await readDetector(bundledModels), await readEmbedder(bundledModels)]
const crop = embedder.manifest.input
const formsOf = {
  detector: (precision: 'auto' | 'int8') =>
    chooseForm(bundledModels, detector, precision, workers, (model, timed) =>
      openDetectorSession(model, { wholeFrame: 'never', crop }, timed),
    ),
  embedder: (precision: 'auto' | 'int8') =>
    chooseForm(bundledModels, embedder, precision, workers, openEmbedderSession),
}

async function pictures(): Promise<readonly Uint8Array[]> {
  if (values.pictures !== undefined) return sampleFrames(values.pictures)
  const found: Uint8Array[] = []
  for await (const { jpeg } of galleryPictures(await makeStock(), 'bench', 5)) found.push(jpeg)
  return found
}

async function vectors(model: Model<EmbedderManifest>, all: readonly Uint8Array[]): Promise<readonly Float32Array[]> {
  await using session = await openEmbedderSession(model, workers)
  const found: Float32Array[] = []
  for (const bytes of all) {
    const pixels = await decodeImage(bytes, defaultImageLimits)
    found.push(await session.submit({ pixels }, [pixels.data.buffer]))
  }
  return found
}

const all = await pictures()
const { model: int8 } = await formsOf.embedder('int8')
const [whole, small] = [await vectors(embedder, all), await vectors(int8, all)]
const cosines = whole.map((vector, index) => vector.reduce((sum, value, at) => sum + value * small[index]![at]!, 0))
process.stdout.write(`${machine()}\n\n| | float32, ms a picture | int8 | chosen |\n|---|---|---|---|\n`)
for (const task of ['detector', 'embedder'] as const) {
  const rounds = [await formsOf[task]('auto'), await formsOf[task]('auto'), await formsOf[task]('auto')]
  const ms = (form: 'float' | 'int8'): string =>
    median(rounds.map(({ measured }) => measured?.[form] ?? Number.NaN)).toFixed(1)
  const chosen = rounds.map(({ precision }) => precision).join(', ')
  process.stdout.write(`| ${rounds[0]!.model.manifest.name} | ${ms('float')} | ${ms('int8')} | ${chosen} |\n`)
}
process.stdout.write(
  `\n${all.length} pictures, cosine of the two forms' vectors: median ${median(cosines).toFixed(4)}, least ${Math.min(...cosines).toFixed(4)}\n`,
)
