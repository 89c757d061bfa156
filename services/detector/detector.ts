/** The detector, composed once for its process and the embedded mode: reads `frames`, writes `detections`. */
import { decodeFrame, frameIdOf } from '@sightline/shared/contracts/frame.ts'
import { frameSubject } from '@sightline/shared/contracts/frame-subject.ts'
import { modelInfo } from '@sightline/shared/contracts/messages.ts'
import { stateScope } from '@sightline/shared/contracts/state-keys.ts'
import { encodeDetections } from '@sightline/shared/contracts/wire.ts'
import { freeCrop } from '@sightline/shared/imaging/crop-codec.ts'
import { defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import { memoryForPictures, PictureMemory } from '@sightline/shared/imaging/picture-memory.ts'
import { bundledModels, readDetector } from '@sightline/shared/inference/models-folder.ts'
import { formText } from '@sightline/shared/inference/precision.ts'
import { workersOf } from '@sightline/shared/inference/workers.ts'
import type { Check } from '@sightline/shared/process/health.ts'
import {
  inputCheck,
  networkChecks,
  type RunningStage,
  runtimeOf,
  type StagePorts,
} from '@sightline/shared/process/running-stage.ts'
import { startStage } from '@sightline/shared/stage/run-stage.ts'
import { openState } from '@sightline/shared/state/open-state.ts'
import { detectStage } from './detect.ts'
import { FrameMemory } from './frame-memory.ts'
import { scenesOf } from './scene.ts'
import { openDetectorForm } from './session.ts'
import type { DetectorSettings } from './settings.ts'

const name = 'detector'

/** Throws what reading the model and opening the network throws; CONFIG_INVALID for what is no URL of Redis. */
export async function openDetector(settings: DetectorSettings, ports: StagePorts): Promise<RunningStage> {
  const { topics, log, now, onNetworkBatch } = ports
  const folder = settings.models ?? bundledModels
  const model = await readDetector(folder)
  await using scope = new AsyncDisposableStack()
  const detection = {
    scoreThreshold: settings.detectionThreshold,
    maxBoxes: settings.maxBoxes,
    nmsIou: settings.detectionNmsIou,
    tiles: settings.tiles,
    wholeFrame: settings.wholeFrame,
  }
  const workers = { ...workersOf(settings), onBatch: (size: number) => onNetworkBatch?.(name, size) }
  const { form, session: opened } = await openDetectorForm(folder, model, detection, workers)
  const session = scope.use(opened)
  log.info({ precision: form.precision, ...form.measured }, formText(form))
  const state = scope.use(openState(settings.redisUrl))
  const stage = detectStage({
    session,
    model: modelInfo(model.manifest, form.precision),
    detectionThreshold: scenesOf(form.model.manifest, detection).normal.scoreThreshold,
    scene: (camera) => settings.cameraScenes.get(camera) ?? settings.scene,
    maxMessageBytes: () => ports.bus.maxMessageBytes(topics.detections),
    limits: { ...defaultImageLimits, maxBytes: settings.maxFrameBytes, maxPixels: settings.maxFramePixels },
    cropCodec: settings.cropCodec,
    maxFrameAgeMs(camera) {
      const seconds = settings.cameraMaxFrameAgeSeconds.get(camera) ?? settings.maxFrameAgeSeconds
      return seconds === undefined ? null : seconds * 1000
    },
    memory: new FrameMemory(state, {
      scope: stateScope({ ...ports.deployment, group: ports.group(name) }),
      dedupeMs: settings.dedupeSeconds * 1000,
      onState: (err) =>
        err === null
          ? log.info({}, 'Redis is back: frames published twice are found again')
          : log.warn({ err }, 'Redis is away: frames published twice are recognized twice until it is back'),
    }),
    onOddTime({ isFirst, ...told }) {
      if (isFirst) log.warn(told, 'a camera sends frames of a time that cannot be: that of their publishing is used')
    },
    framesAtOnce: settings.framesAtOnce,
    pictureMemory: new PictureMemory(
      settings.pictureMemory === undefined ? memoryForPictures() : settings.pictureMemory * 2 ** 20,
    ),
    now,
  })
  const subscription = scope.use(
    await startStage(runtimeOf(name, ports, settings.maxBatch), {
      input: topics.frames,
      stage,
      subject: frameSubject(frameIdOf),
      decode: (delivery) => decodeFrame(delivery, now()),
      encode(message) {
        const value = encodeDetections(message)
        message.detections.forEach(freeCrop)
        return { topic: topics.detections, key: message.frame.camera, value, headers: {} }
      },
    }),
  )
  const redis: Check = { name: 'redis', isRequired: false, check: async () => void (await state.get('health')) }
  const owned = scope.move()
  return {
    name,
    subscription,
    network: session,
    checks: [inputCheck(subscription), ...networkChecks(session), ...(settings.redisUrl === undefined ? [] : [redis])],
    closed: Promise.all([subscription.closed, session.closed]).then(() => undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
