/** Frames with more than a message takes, and large ones, end in events over Kafka; what does not fit is said. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, describe, expect, test } from 'vitest'
import { KafkaClients, topicResource } from '../../shared/bus/kafka/kafka-client.ts'
import { defaultKafkaTimes } from '../../shared/bus/kafka/kafka-options.ts'
import { crowdedModels, detectorAlone, grainy } from '../harness/crowd.ts'
import { Deployment } from '../harness/deployment.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]()
})

describe.skipIf(kafka === undefined)('300 boxes', { timeout: 180_000 }, () => {
  async function deploy(size: number, mostBytes?: number) {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    open.push({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) })
    const models = await crowdedModels(folder, 300, size)
    const env = {
      SIGHTLINE_MODELS: models,
      SIGHTLINE_MAX_BOXES: '300',
      SIGHTLINE_WHOLE_FRAME: 'never',
      SIGHTLINE_SCENE: 'normal',
      SIGHTLINE_CAMERA_SCENES: '{"large": "dense"}',
    }
    const deployment = await Deployment.open({ brokers: kafka!.brokers, env })
    open.push(deployment)
    if (mostBytes !== undefined) await limit(deployment.topics.detections, mostBytes)
    // Whoever embeds is not the detector's concern.
    const detector = await deployment.start('detector', { SIGHTLINE_MODELS: await detectorAlone(models) })
    const others = await Promise.all([deployment.start('embedder'), deployment.start('matcher')])
    return { deployment, ready: () => Promise.all([detector, ...others].map((service) => service.ready)) }
  }
  const frame = async (width: number, height: number): Promise<Buffer> => {
    const { data, raw } = grainy(width / 4, height / 4)
    return sharp(data, { raw }).resize(width, height, { kernel: 'cubic' }).jpeg({ quality: 85 }).toBuffer()
  }

  test('of a camera frame and of a 4K one are all looked at', async () => {
    const { deployment, ready } = await deploy(0.1)
    await ready()
    const reader = await deployment.read()
    await deployment.publish([
      { camera: 'small', bytes: await frame(1280, 960) },
      { camera: 'large', bytes: await frame(3840, 2160) },
    ])
    await reader.ended(2)
    expect(reader.dead()).toEqual([])
    const ends = reader.events().map(({ camera, objects, truncated }) => [camera, objects.length, truncated])
    expect(ends.toSorted()).toEqual([
      ['large', 300, undefined],
      ['small', 300, undefined],
    ])
    const scenes = new Map(reader.events().map(({ camera, scene }) => [camera, scene]))
    expect(scenes.get('small')).toEqual({ mode: 'normal', tiles: { columns: 1, rows: 1 }, maxBoxes: 300 })
    expect(scenes.get('large')).toEqual({ mode: 'dense', tiles: { columns: 5, rows: 3 }, maxBoxes: 300 })
  })

  test('of which a topic takes a part leave the best, and the event says how many', async () => {
    const { deployment, ready } = await deploy(0.1, 100_000)
    await ready()
    const reader = await deployment.read()
    await deployment.publish([{ camera: 'cam-1', bytes: await frame(1280, 960) }])
    await reader.ended(1)
    expect(reader.dead()).toEqual([])
    const [{ objects, truncated }] = reader.events() as [ReturnType<typeof reader.events>[number]]
    expect(truncated).toMatchObject({ found: 300 })
    expect(truncated!.kept).toBeGreaterThan(50)
    expect(truncated!.kept).toBeLessThan(250)
    expect(objects).toHaveLength(truncated!.kept)
    expect(Math.min(...objects.map(({ detectionScore }) => detectionScore))).toBeCloseTo(
      0.9 - (0.4 * (truncated!.kept - 1)) / 300,
      3,
    )
  })

  async function limit(topic: string, bytes: number): Promise<void> {
    const admin = new KafkaClients(kafka!, defaultKafkaTimes).admin()
    await admin.connect()
    const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }]
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: topicResource, name: topic, configEntries }] })
    await admin.disconnect()
  }
})
