/** The detector network in its workers, with the options of detection. */
import type { DetectorManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { openOnnxSession, type WorkerOptions } from '@sightline/shared/inference/onnx-session.ts'
import { chooseForm } from '@sightline/shared/inference/precision.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import type { FormOptions } from '@sightline/shared/inference/workers.ts'
import type { CanaryContract } from './canary-task.ts'
import type { DetectContract, DetectInput, DetectOutput } from './detect-task.ts'

/** What of the manifest's defaults a deployment may override, and when the whole frame stands in for a detection. */
export interface DetectionOptions {
  readonly scoreThreshold?: number | undefined
  readonly maxBoxes?: number | undefined
  readonly nmsIou?: number | undefined
  readonly wholeFrame: DetectContract['options']['wholeFrame']
  /** Pixels of a crop: the embedder's input size. */
  readonly crop: { readonly width: number; readonly height: number }
}

/** The threshold that detection runs with: the given one, else the manifest's. */
export const detectionThreshold = (model: Model<DetectorManifest>, options: DetectionOptions): number =>
  options.scoreThreshold ?? model.manifest.defaults.scoreThreshold

export function openDetectorSession(
  model: Model<DetectorManifest>,
  options: DetectionOptions,
  workers: WorkerOptions,
): Promise<Session<DetectInput, DetectOutput>> {
  const { input, output, defaults, canary } = model.manifest
  const contract: DetectContract = {
    input,
    output,
    canary,
    options: {
      scoreThreshold: detectionThreshold(model, options),
      maxBoxes: options.maxBoxes ?? defaults.maxBoxes,
      nmsIou: options.nmsIou ?? defaults.nmsIou,
      topPerLevel: defaults.topPerLevel,
      wholeFrame: options.wholeFrame,
      cropWidth: options.crop.width,
      cropHeight: options.crop.height,
    },
  }
  return openOnnxSession({ model, task: new URL('./detect-task.ts', import.meta.url), contract, ...workers })
}

/** The form of `model`, one of `folder`, that is to run, opened. Throws as `chooseForm` and opening do. */
export async function openDetectorForm(
  folder: string,
  model: Model<DetectorManifest>,
  options: DetectionOptions,
  workers: FormOptions,
) {
  const open = (one: Model<DetectorManifest>, its: WorkerOptions) => openDetectorSession(one, options, its)
  const form = await chooseForm(folder, model, workers.precision, workers, open)
  return { form, session: await open(form.model, workers) }
}

/** What a detector without a manifest answers to the canary, on the CPU; throws MODEL_CONTRACT where it does not fit. */
export async function recordDetectorCanary(
  path: string,
  contract: CanaryContract,
): Promise<DetectorManifest['canary']> {
  await using session = await openOnnxSession<null, number[]>({
    model: { path, manifest: contract },
    task: new URL('./canary-task.ts', import.meta.url),
    contract,
    workers: 1,
    threadsPerWorker: 1,
  })
  const statistics = await session.submit(null)
  // Other processors and runtimes round differently, by far less than a hundredth; a small mean is held more tightly.
  const smallest = Math.min(...statistics.filter((value) => value > 0), 1)
  const tolerance = Math.min(Math.max(smallest / 5, 1e-4), 0.01)
  return contract.output.kind === 'picodet' ? { meanSigmoid: statistics, tolerance } : { statistics, tolerance }
}
