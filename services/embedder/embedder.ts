/** The embedder, composed once for its process and the embedded mode: reads `detections`, writes `embeddings`. */
import { frameSubject } from '@sightline/shared/contracts/frame-subject.ts'
import { modelInfo } from '@sightline/shared/contracts/messages.ts'
import { decodeDetections, encodeEmbeddings } from '@sightline/shared/contracts/wire.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { formText } from '@sightline/shared/inference/precision.ts'
import { workersOf } from '@sightline/shared/inference/workers.ts'
import {
  inputCheck,
  networkChecks,
  type RunningStage,
  runtimeOf,
  type StagePorts,
} from '@sightline/shared/process/running-stage.ts'
import { startStage } from '@sightline/shared/stage/run-stage.ts'
import { embedStage } from './embed.ts'
import { openEmbedderForm } from './session.ts'
import type { EmbedderSettings } from './settings.ts'

const name = 'embedder'

/** Throws what reading the model and opening the network throws. */
export async function openEmbedder(settings: EmbedderSettings, ports: StagePorts): Promise<RunningStage> {
  const { topics, log, now, onNetworkBatch } = ports
  const folder = settings.models ?? bundledModels
  const model = await readEmbedder(folder)
  await using scope = new AsyncDisposableStack()
  const workers = { ...workersOf(settings), onBatch: (size: number) => onNetworkBatch?.(name, size) }
  const { form, session: opened } = await openEmbedderForm(folder, model, workers)
  const session = scope.use(opened)
  log.info({ precision: form.precision, ...form.measured }, formText(form))
  const subscription = scope.use(
    await startStage(runtimeOf(name, ports, settings.maxBatch), {
      input: topics.detections,
      stage: embedStage({ session, model: modelInfo(model.manifest, form.precision), now }),
      subject: frameSubject(),
      decode: ({ value }) => decodeDetections(value),
      encode: (message) => ({
        topic: topics.embeddings,
        key: message.frame.camera,
        value: encodeEmbeddings(message),
        headers: {},
      }),
    }),
  )
  const owned = scope.move()
  return {
    name,
    subscription,
    network: session,
    checks: [inputCheck(subscription), ...networkChecks(session)],
    closed: Promise.all([subscription.closed, session.closed]).then(() => undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
