/**
 * `npm run bench -- precision [--pictures DIR]`: what the int8 forms of the models in use save, and how far the vectors of the
 * embedder's two forms are apart.
 */
import { dot } from '../evaluation/retrieval.ts'
import { openDetectorSession } from '../services/detector/session.ts'
import { openEmbedderSession } from '../services/embedder/session.ts'
import { decodeImage, defaultImageLimits } from '../shared/imaging/decode.ts'
import type { DetectorManifest, EmbedderManifest, Model, ModelManifest } from '../shared/inference/model-manifest.ts'
import { bundledModels, readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { chooseForm } from '../shared/inference/precision.ts'
import type { Precision, WorkerOptions } from '../shared/inference/workers.ts'
import { packshots } from './frames.ts'
import { amount, type Part, type Row } from './part.ts'
import { median } from './statistics.ts'

const workers = { workers: 1, threadsPerWorker: 1 }

export const precisionPart: Part = {
  name: 'precision',
  about: 'what int8 saves of the shipped pair, what is chosen here, and how alike the vectors are',
  isUsual: false,
  async measure(options) {
    const [detector, embedder] = [await readDetector(bundledModels), await readEmbedder(bundledModels)]
    const openDetector = (model: Model<DetectorManifest>, timed: WorkerOptions) =>
      openDetectorSession(model, { wholeFrame: 'never' }, timed)
    const rounds = amount(options, options.rounds, 5, 2)
    const pictures = await packshots(options.pictures, 5)
    const { model: int8 } = await chooseForm(bundledModels, embedder, 'int8', workers, openEmbedderSession)
    const [whole, small] = [await vectors(embedder, pictures), await vectors(int8, pictures)]
    const cosines = whole.map((vector, index) => dot(vector, small[index]!))
    return [
      await timesOf(detector, openDetector, rounds),
      await timesOf(embedder, openEmbedderSession, rounds),
      {
        name: `vectors of ${pictures.length} pictures in both forms`,
        figures: [
          { value: median(cosines), unit: 'cosine, median', digits: 4 },
          { value: Math.min(...cosines), unit: 'least', digits: 4 },
        ],
      },
    ]
  },
}

type Open<M extends ModelManifest> = (
  model: Model<M>,
  workers: WorkerOptions,
) => Promise<{ readonly msPerPicture: number | null } & AsyncDisposable>

async function timesOf<M extends ModelManifest>(model: Model<M>, open: Open<M>, rounds: number): Promise<Row> {
  const form = (precision: Precision) => chooseForm(bundledModels, model, precision, workers, open)
  const timeOf = async (one: Model<M>): Promise<number> => {
    await using session = await open(one, { ...workers, isTimed: true })
    return session.msPerPicture!
  }
  const int8 = (await form('int8')).model
  const times: { readonly float: number; readonly int8: number }[] = []
  for (let round = 0; round < rounds; round += 1) times.push({ float: await timeOf(model), int8: await timeOf(int8) })
  return {
    name: `${model.manifest.name}, runs in ${(await form('auto')).precision}`,
    figures: [
      { value: median(times.map(({ float }) => float)), unit: 'ms of a core a picture in float32' },
      { value: median(times.map((time) => time.int8)), unit: 'ms in int8' },
    ],
  }
}

async function vectors(
  model: Model<EmbedderManifest>,
  pictures: readonly Uint8Array[],
): Promise<readonly Float32Array[]> {
  await using session = await openEmbedderSession(model, workers)
  const found: Float32Array[] = []
  for (const bytes of pictures) {
    const pixels = await decodeImage(bytes, defaultImageLimits)
    found.push(await session.submit({ pixels }, [pixels.data.buffer]))
  }
  return found
}
