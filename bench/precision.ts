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
import type { DetectorManifest, EmbedderManifest, Model, ModelManifest } from '../shared/inference/model-manifest.ts'
import { bundledModels, readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { chooseForm } from '../shared/inference/precision.ts'
import type { Precision, WorkerOptions } from '../shared/inference/workers.ts'
import { sampleFrames } from './frames.ts'
import { machine, median } from './machine.ts'

const { values } = parseArgs({ options: { pictures: { type: 'string' } } })
const workers = { workers: 1, threadsPerWorker: 1 }
const [detector, embedder] = [await readDetector(bundledModels), await readEmbedder(bundledModels)]
const openDetector = (model: Model<DetectorManifest>, timed: WorkerOptions) =>
  openDetectorSession(model, { wholeFrame: 'never', crop: embedder.manifest.input }, timed)

async function row<M extends ModelManifest>(
  model: Model<M>,
  open: (
    model: Model<M>,
    workers: WorkerOptions,
  ) => Promise<{ readonly msPerPicture: number | null } & AsyncDisposable>,
): Promise<string> {
  const form = (precision: Precision) => chooseForm(bundledModels, model, precision, workers, open)
  const timeOf = async (one: Model<M>): Promise<number> => {
    await using session = await open(one, { ...workers, isTimed: true })
    return session.msPerPicture!
  }
  const int8 = (await form('int8')).model
  const times: { readonly float: number; readonly int8: number }[] = []
  for (let round = 0; round < 5; round += 1) times.push({ float: await timeOf(model), int8: await timeOf(int8) })
  const ms = (of: 'float' | 'int8'): string => median(times.map((time) => time[of])).toFixed(1)
  return `| ${model.manifest.name} | ${ms('float')} | ${ms('int8')} | ${(await form('auto')).precision} |\n`
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
const { model: int8 } = await chooseForm(bundledModels, embedder, 'int8', workers, openEmbedderSession)
const [whole, small] = [await vectors(embedder, all), await vectors(int8, all)]
const cosines = whole.map((vector, index) => vector.reduce((sum, value, at) => sum + value * small[index]![at]!, 0))
process.stdout.write(
  [
    `${machine()}\n\n| | float32, ms of a core a picture | int8 | runs |\n|---|---|---|---|\n`,
    await row(detector, openDetector),
    await row(embedder, openEmbedderSession),
    `\n${all.length} pictures, cosine of the embedder's two forms: median ${median(cosines).toFixed(4)}, least ${Math.min(...cosines).toFixed(4)}\n`,
  ].join(''),
)
