/** The detector network in its workers, with what the scene modes come to. */
import type { DetectorManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { openOnnxSession, type WorkerOptions } from '@sightline/shared/inference/onnx-session.ts'
import { chooseForm } from '@sightline/shared/inference/precision.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import { type FormOptions, picturesPerRun } from '@sightline/shared/inference/workers.ts'
import type { CanaryContract } from './canary-task.ts'
import type { DetectContract, DetectInput, DetectOutput } from './detect-task.ts'
import { type SceneOptions, scenesOf } from './scene.ts'

export type { SceneMode } from './scene.ts'

/** What a deployment puts in place of the manifest's defaults, and when the whole frame stands in for a detection. */
export interface DetectionOptions extends SceneOptions {
  readonly wholeFrame: DetectContract['wholeFrame']
}

export function openDetectorSession(
  model: Model<DetectorManifest>,
  options: DetectionOptions,
  workers: WorkerOptions,
): Promise<Session<DetectInput, DetectOutput>> {
  const { input, output, canary } = model.manifest
  const contract: DetectContract = {
    input,
    output,
    canary,
    scenes: scenesOf(model.manifest, options),
    wholeFrame: options.wholeFrame,
    tilesPerRun: picturesPerRun(input, workers),
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
