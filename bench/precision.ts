/**
 * `npm run bench -- precision [--pictures DIR]`: what the int8 forms of the models in use save, and how far the vectors of the
 * embedder's two forms are apart.
 */

import { dot } from '../evaluation/retrieval.ts'
import { openDetectorSession } from '../services/detector/session.ts'
import { openEmbedderSession } from '../services/embedder/session.ts'
import { decodeImage, defaultImageLimits } from '../shared/imaging/decode.ts'
import type { EmbedderManifest, Model, ModelManifest } from '../shared/inference/model-manifest.ts'
import { bundledModels, readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { chooseForm, type Form } from '../shared/inference/precision.ts'
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
    const crop = embedder.manifest.input
    const formsOf = {
      detector: (precision: 'auto' | 'int8') =>
        chooseForm(bundledModels, detector, precision, workers, (model, timed) =>
          openDetectorSession(model, { wholeFrame: 'never', crop }, timed),
        ),
      embedder: (precision: 'auto' | 'int8') =>
        chooseForm(bundledModels, embedder, precision, workers, openEmbedderSession),
    }
    const rows: Row[] = []
    for (const task of ['detector', 'embedder'] as const) {
      const rounds: Pick<Form<ModelManifest>, 'measured' | 'precision'>[] = []
      for (let round = 0; round < amount(options, options.rounds, 3, 1); round += 1)
        rounds.push(await formsOf[task]('auto'))
      const ms = (form: 'float' | 'int8') => median(rounds.map(({ measured }) => measured?.[form] ?? Number.NaN))
      const chosen = new Set(rounds.map(({ precision }) => precision))
      rows.push({
        name: `${task}, chosen: ${[...chosen].join(', ')}`,
        figures: [
          { value: ms('float'), unit: 'ms a picture in float32' },
          { value: ms('int8'), unit: 'ms in int8' },
        ],
      })
    }
    const pictures = await packshots(options.pictures, 5)
    const { model: int8 } = await formsOf.embedder('int8')
    const [whole, small] = [await vectors(embedder, pictures), await vectors(int8, pictures)]
    const cosines = whole.map((vector, index) => dot(vector, small[index]!))
    return [
      ...rows,
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
