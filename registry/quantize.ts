/** Makes the int8 form of a registered model, calibrated on the user's own pictures; registered only if it loses little. */
import { join } from 'node:path'
import { recordDetectorCanary } from '@sightline/detector/session.ts'
import { recordEmbedderCanary } from '@sightline/embedder/session.ts'
import type { LabelledPicture } from '@sightline/pipeline/label-file.ts'
import { readPicture } from '@sightline/pipeline/pictures.ts'
import type { Work } from '@sightline/pipeline/work.ts'
import { describeError, SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import {
  type DetectorManifest,
  type EmbedderManifest,
  type Model,
  type ModelManifest,
  readModel,
} from '@sightline/shared/inference/model-manifest.ts'
import type { WorkerOptions } from '@sightline/shared/inference/workers.ts'
import pLimit from 'p-limit'
import { spread, writeCalibration } from './calibration.ts'
import type { Converter } from './converter.ts'
import { detectorLoss, embedderLoss, type Forms, type Int8Loss } from './int8-loss.ts'
import { assertFree, prepareModel, registerModels, workFolder } from './register.ts'

export interface QuantizeOptions {
  /** Models folder. The caller holds its lock. */
  readonly models: string
  readonly name: string
  /** The new model's name. */
  readonly as: string
  readonly pictures: readonly LabelledPicture[]
  /** Whether the pictures' labels are known: an embedder's loss can't be told without. */
  readonly isLabelled: boolean
  /** Largest `Int8Loss.lost` that is registered; by the model's task where not given. */
  readonly mostLost: number | undefined
  readonly openConverter: () => Promise<Converter>
  readonly workers: WorkerOptions
  readonly work: Work
  readonly now: () => Date
  /** Of the int8 form, before it is decided about it. */
  readonly onMeasured: (loss: Int8Loss) => void
}

/** A gallery may have many more; the figures would not change. */
const mostPictures = 1000

/** Boxes near the threshold come and go, first matches seldom. */
const mostLostOf = { detector: 0.1, embedder: 0.02 } as const

/** Kernels for int8 round differently on processors with and without instructions of their own for it. */
const minCosine = 0.98
const tolerance = 0.05

const command = 'sightline models quantize'

/** Throws MODEL_CONVERSION where it can't be made or loses too much; then nothing is registered. */
export async function quantizeModel(options: QuantizeOptions): Promise<Int8Loss> {
  const { models, name, as, now } = options
  const { manifest: float, path: weights } = await readModel(join(models, name))
  await assertFree(models, as)
  if (float.task === 'embedder' && !options.isLabelled) {
    throw usageError(`${name} is an embedder: name its pictures with --labels, what int8 loses is told by their labels`)
  }
  const converter = await options.openConverter()
  await using work = await workFolder(models)
  const pictures = await readable(options)
  const files = pictures.map(({ file }) => file)
  options.work.tell(`quantizing ${name}`)
  const calibration = await writeCalibration(files, float, work.path, options.work.stop)
  const path = join(work.path, 'int8.onnx')
  await converter.quantize(weights, path, calibration.path, isDecodedInside(float))
  using progress = options.work.progress('comparing', 2 * pictures.length)
  const advance = (): void => progress.advance()
  const { manifest, loss } =
    float.task === 'embedder'
      ? await smallEmbedder({ manifest: float, path: weights }, path, (forms) =>
          embedderLoss(forms, pictures, options.workers, advance),
        )
      : await smallDetector({ manifest: float, path: weights }, path, (forms) =>
          detectorLoss(forms, files, options.workers, advance),
        )
  progress.end()
  options.onMeasured(loss)
  const most = options.mostLost ?? mostLostOf[float.task]
  if (loss.lost > most) {
    throw new SightlineError(
      'MODEL_CONVERSION',
      `${as} was not registered: int8 loses ${loss.lost.toFixed(4)}, more than ${most}. Calibrate with more pictures like your camera's, or allow more with --most-lost`,
    )
  }
  const provenance = {
    made: now().toISOString().slice(0, 10),
    command,
    quantizedFrom: { name, sha256: float.sha256 },
    calibratedWith: { pictures: calibration.pictures },
  }
  const rows = loss.rows.map(({ check, float: before, int8 }) => [check, { value: int8, float: before, command }])
  const complete = { ...manifest, name: as, provenance, metrics: Object.fromEntries(rows) }
  await registerModels(models, [await prepareModel(complete, path, work.path)])
  return loss
}

/** Graphs that decode boxes hold coordinates and scores in one tensor, which one scale does not fit. */
const isDecodedInside = ({ output: { kind } }: ModelManifest): boolean => kind === 'boxes' || kind === 'yolo'

interface Small {
  /** The float form's, but for the canary. */
  readonly manifest: ModelManifest
  readonly loss: Int8Loss
}

async function smallEmbedder(
  float: Model<EmbedderManifest>,
  path: string,
  measure: (forms: Forms<Model<EmbedderManifest>>) => Promise<Int8Loss>,
): Promise<Small> {
  const { embedding } = await recordEmbedderCanary(path, float.manifest)
  const manifest = { ...float.manifest, canary: { embedding, minCosine } }
  return { manifest, loss: await measure({ float, int8: { manifest, path } }) }
}

async function smallDetector(
  float: Model<DetectorManifest>,
  path: string,
  measure: (forms: Forms<Model<DetectorManifest>>) => Promise<Int8Loss>,
): Promise<Small> {
  const manifest = { ...float.manifest, canary: { ...(await recordDetectorCanary(path, float.manifest)), tolerance } }
  return { manifest, loss: await measure({ float, int8: { manifest, path } }) }
}

/** Those of up to a thousand pictures that can be decoded; the others are named. */
async function readable({ pictures, work }: QuantizeOptions): Promise<readonly LabelledPicture[]> {
  const asked = spread(pictures, mostPictures)
  using progress = work.progress('reading', asked.length)
  const limit = pLimit(8)
  const found = await Promise.all(
    asked.map((picture) =>
      limit(async () => {
        if (work.stop.aborted) throw new SightlineError('MODEL_CONVERSION', 'quantizing was stopped')
        try {
          await readPicture(picture.file)
          return [picture]
        } catch (error) {
          if (!(error instanceof SightlineError) || error.retryable) throw error
          work.tell(`${picture.file}: ${error.code}: ${describeError(error)}; left out`)
          return []
        } finally {
          progress.advance()
        }
      }),
    ),
  )
  if (found.flat().length === 0) {
    throw new SightlineError('FILE_UNREADABLE', 'none of the pictures to calibrate with can be read')
  }
  return found.flat()
}
