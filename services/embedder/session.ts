/** The embedder network in its workers. */
import type { EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { openOnnxSession, type WorkerOptions } from '@sightline/shared/inference/onnx-session.ts'
import { chooseForm } from '@sightline/shared/inference/precision.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import type { FormOptions } from '@sightline/shared/inference/workers.ts'
import type { EmbedContract, EmbedInput, EmbedOutput } from './embed-task.ts'

export function openEmbedderSession(
  model: Model<EmbedderManifest>,
  workers: WorkerOptions,
): Promise<Session<EmbedInput, EmbedOutput>> {
  const { input, output, canary } = model.manifest
  const contract: EmbedContract = { input, output, canary }
  return openOnnxSession({ model, task: new URL('./embed-task.ts', import.meta.url), contract, ...workers })
}

/** The form of `model`, one of `folder`, that is to run, opened. Throws as `chooseForm` and opening do. */
export async function openEmbedderForm(folder: string, model: Model<EmbedderManifest>, workers: FormOptions) {
  const form = await chooseForm(folder, model, workers.precision, workers, openEmbedderSession)
  return { form, session: await openEmbedderSession(form.model, workers) }
}

/** What an embedder without a manifest answers to the canary, on the CPU; throws MODEL_CONTRACT where it does not fit. */
export async function recordEmbedderCanary(
  path: string,
  contract: Omit<EmbedContract, 'canary'>,
): Promise<EmbedderManifest['canary']> {
  await using session = await openOnnxSession<null, number[]>({
    model: { path, manifest: contract },
    task: new URL('./canary-task.ts', import.meta.url),
    contract,
    workers: 1,
    threadsPerWorker: 1,
  })
  return { embedding: await session.submit(null), minCosine: 0.999 }
}
