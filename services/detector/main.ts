/** The detector's process. */

import { modelInfo } from '@sightline/shared/contracts/messages.ts'
import { stateScope } from '@sightline/shared/contracts/state-keys.ts'
import { deadLetterTopic } from '@sightline/shared/contracts/topics.ts'
import { bundledModels, readDetector, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { workersOf } from '@sightline/shared/inference/workers.ts'
import { executionCheck } from '@sightline/shared/process/execution-check.ts'
import { runService } from '@sightline/shared/process/run-service.ts'
import { openState } from '@sightline/shared/state/open-state.ts'
import { FrameMemory } from './frame-memory.ts'
import { startDetector } from './service.ts'
import { type DetectionOptions, detectionThreshold, openDetectorSession } from './session.ts'
import { detectorSettings } from './settings.ts'

await runService({
  name: 'detector',
  summary: 'finds where something is in view; reads frames, writes detections',
  settings: detectorSettings,
  topics: ({ frames, detections }) => [frames, detections, deadLetterTopic(frames)],

  async start(values, { runtime, scope, health, metrics, log, group, bus, whenThere }) {
    const folder = values.models ?? bundledModels
    const model = await readDetector(folder)
    const detection: DetectionOptions = {
      scoreThreshold: values.detectionThreshold,
      maxBoxes: values.maxBoxes,
      nmsIou: values.detectionNmsIou,
      wholeFrame: values.wholeFrame,
      crop: (await readEmbedder(folder)).manifest.input,
    }
    const onBatch = (size: number): void => metrics.observeNetworkBatch('detector', size)
    const session = scope.use(await openDetectorSession(model, detection, { ...workersOf(values), onBatch }))
    health.add(executionCheck(session))
    metrics.watchExecution('detector', session)
    health.add({ name: 'model', isRequired: true, check: () => Promise.race([session.closed, Promise.resolve()]) })

    const state = scope.use(openState(values.redisUrl))
    if (values.redisUrl !== undefined) {
      health.add({ name: 'redis', isRequired: false, check: async () => void (await state.get('health')) })
    }
    const memory = new FrameMemory(state, {
      scope: stateScope({
        cluster: await whenThere('Kafka', () => bus.clusterId()),
        prefix: values.topicPrefix,
        group: group('detector'),
      }),
      dedupeMs: values.dedupeSeconds * 1000,
      recentMs: values.redisUrl === undefined ? 0 : values.recentFrameSeconds * 1000,
      now: runtime.now,
      onState: (err) =>
        err === null
          ? log.info({}, 'Redis is back: frames published twice are found again')
          : log.warn({ err }, 'Redis is away: frames published twice are recognized twice until it is back'),
    })
    const maxFrameAgeSeconds = (camera: string): number | undefined =>
      values.cameraMaxFrameAgeSeconds.get(camera) ?? values.maxFrameAgeSeconds
    const subscription = scope.use(
      await startDetector({
        ...runtime,
        group: group('detector'),
        session,
        model: modelInfo(model.manifest),
        detectionThreshold: detectionThreshold(model, detection),
        limits: { maxBytes: values.maxFrameBytes, maxPixels: values.maxFramePixels, timeoutSeconds: 20 },
        cropCodec: values.cropCodec,
        maxFrameAgeMs(camera) {
          const seconds = maxFrameAgeSeconds(camera)
          return seconds === undefined ? null : seconds * 1000
        },
        memory,
        framesAtOnce: values.framesAtOnce,
        onOddTime({ isFirst, ...told }) {
          if (isFirst)
            log.warn(told, 'a camera sends frames of a time that cannot be: that of their publishing is used')
        },
      }),
    )
    metrics.watch('detector', subscription, runtime.now)
    return { closed: Promise.all([subscription.closed, session.closed]).then(() => undefined) }
  },
})
