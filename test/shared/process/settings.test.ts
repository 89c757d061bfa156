import { describe, expect, test } from 'vitest'
import { detectorSettings } from '../../../services/detector/settings.ts'
import { embedderSettings } from '../../../services/embedder/settings.ts'
import { matcherSettings } from '../../../services/matcher/settings.ts'
import { kafkaConnection, kafkaSettings } from '../../../shared/process/kafka-settings.ts'
import { stageServiceSettings } from '../../../shared/process/run-stage-service.ts'
import { combine, readSettings, settingGroup, unknownVariables, valuesFor } from '../../../shared/process/settings.ts'
import { describeFlags, describeVariables } from '../../../shared/process/settings-help.ts'
import { take } from '../../../shared/process/take.ts'

const files: Readonly<Record<string, string>> = {
  '/run/secrets/kafka': 'from-a-file\n',
  '/ca.pem': 'CA',
  '/number': '7\n',
}
const readFile = async (path: string): Promise<string> => {
  const text = files[path]
  if (text === undefined) throw new Error(`no such file: ${path}`)
  return text
}

const ofDetector = combine(stageServiceSettings, detectorSettings)
const read = (environment: Record<string, string>) => readSettings(ofDetector, { environment, readFile })

describe('settings', () => {
  test('have defaults for all that can have one', async () => {
    const values = await read({})
    expect(values).toMatchObject({
      kafkaBrokers: ['localhost:9092'],
      delivery: 'exactly-once',
      maxBatch: 16,
      wholeFrame: 'fallback',
      cropCodec: { format: 'jpeg' },
      scene: 'auto',
      dedupeSeconds: 600,
    })
    expect(values.maxFrameAgeSeconds).toBeUndefined()
  })

  test('are read from the environment, an empty variable is none', async () => {
    const values = await read({
      SIGHTLINE_KAFKA_BROKERS: 'a:9092, b:9092,',
      SIGHTLINE_KAFKA_TLS: 'true',
      SIGHTLINE_MAX_BOXES: '50',
      SIGHTLINE_DETECTION_THRESHOLD: '',
      SIGHTLINE_CROP_CODEC: 'png',
      SIGHTLINE_CAMERA_MAX_FRAME_AGE_SECONDS: '{"gate, left": 2.5}',
      SIGHTLINE_CAMERA_SCENES: '{"gate, left": "dense"}',
      SIGHTLINE_TILES: '3x2',
    })
    expect(values).toMatchObject({ kafkaBrokers: ['a:9092', 'b:9092'], kafkaTls: true, maxBoxes: 50 })
    expect(values.detectionThreshold).toBeUndefined()
    expect(values.cropCodec).toEqual({ format: 'png' })
    expect(values.cameraMaxFrameAgeSeconds).toEqual(new Map([['gate, left', 2.5]]))
    expect(values.cameraScenes).toEqual(new Map([['gate, left', 'dense']]))
    expect(values.tiles).toEqual({ columns: 3, rows: 2 })
  })

  test('that are wrong are all told at once, with what they take', async () => {
    const environment = {
      SIGHTLINE_THRESHOLD: '7',
      SIGHTLINE_MAX_BATCH: '2.5',
      SIGHTLINE_DELIVERY: 'sometimes',
      SIGHTLINE_LABEL_THRESHOLDS: '{"oil": "high"}',
    }
    const group = combine(stageServiceSettings, matcherSettings)
    const error = await readSettings(group, { environment, readFile }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    const lines = String((error as Error).message).split('\n')
    expect(lines).toHaveLength(6)
    expect(lines.join('\n')).toContain('SIGHTLINE_THRESHOLD=7: takes a number from -1 to 1')
    expect(lines.join('\n')).toContain('SIGHTLINE_MAX_BATCH=2.5: takes a whole number from 1 to 1000')
    expect(lines.join('\n')).toContain('SIGHTLINE_DELIVERY=sometimes: takes exactly-once, at-least-once')
    expect(lines.join('\n')).toContain('SIGHTLINE_LABEL_THRESHOLDS={"oil": "high"}: takes a JSON object')
    expect(lines.join('\n')).toContain('SIGHTLINE_GALLERY is missing')
  })

  test('that are secret can come from a file, and are in no message', async () => {
    const values = await read({
      SIGHTLINE_KAFKA_SASL_MECHANISM: 'plain',
      SIGHTLINE_KAFKA_SASL_USERNAME: 'camera',
      SIGHTLINE_KAFKA_SASL_PASSWORD_FILE: '/run/secrets/kafka',
    })
    expect(values.kafkaSaslPassword).toBe('from-a-file')
    const secret = settingGroup({ token: { schema: take.text().max(3), help: 'a token', isSecret: true } })
    const environment = { SIGHTLINE_TOKEN: 'hunter2' }
    const wrong = await readSettings(secret, { environment, readFile }).catch(String)
    expect(wrong).toContain('SIGHTLINE_TOKEN')
    expect(wrong).not.toContain('hunter2')
    await expect(read({ SIGHTLINE_REDIS_URL_FILE: '/nowhere' })).rejects.toThrow(
      'SIGHTLINE_REDIS_URL_FILE: no such file: /nowhere',
    )
  })

  test('can all come from a file, which goes before the variable', async () => {
    expect((await read({ SIGHTLINE_MAX_BOXES_FILE: '/number' })).maxBoxes).toBe(7)
    expect((await read({ SIGHTLINE_MAX_BOXES: '5', SIGHTLINE_MAX_BOXES_FILE: '/number' })).maxBoxes).toBe(7)
    expect((await read({ SIGHTLINE_MAX_BOXES: '5', SIGHTLINE_MAX_BOXES_FILE: '' })).maxBoxes).toBe(5)
  })

  test('are listed with their defaults', () => {
    const help = describeVariables(ofDetector)
    expect(help).toMatch(/SIGHTLINE_MAX_BATCH +most messages of a partition between two commits \[16\]/)
    expect(help).toMatch(/SIGHTLINE_KAFKA_BROKERS .*\[localhost:9092\]/)
    expect(help).toContain('NAME_FILE')
    for (const group of [detectorSettings, embedderSettings, matcherSettings]) {
      for (const text of [describeVariables(group), describeFlags(group)]) {
        expect(text).not.toMatch(/undefined|\[object|\[\]| {2}\n/)
        expect(
          Math.max(...text.split('\n').map((line) => (line.startsWith('  SIGHT') ? 0 : line.length))),
        ).toBeLessThan(121)
      }
    }
  })

  test('that nobody knows are found: most often they are misspelt', () => {
    const environment = { SIGHTLINE_MAXBOXES: '5', SIGHTLINE_REDIS_URL_FILE: '/x', HOME: '/' }
    expect(unknownVariables(ofDetector, environment)).toEqual(['SIGHTLINE_MAXBOXES'])
  })

  test('of a program without variables and flags are the defaults, and what it says', () => {
    const values = valuesFor(matcherSettings, { gallery: 'g', threshold: 0.5 })
    expect(values).toMatchObject({ gallery: 'g', threshold: 0.5, nmsIou: 0.3, candidates: 5, maxBatch: 16 })
    expect(() => valuesFor(matcherSettings, {})).toThrow()
  })
})

describe('flags', () => {
  const read = (flags: Record<string, string>, environment: Record<string, string> = {}) =>
    readSettings(matcherSettings, { environment, flags, readFile })

  test('go before the environment', async () => {
    const environment = { SIGHTLINE_GALLERY: 'there', SIGHTLINE_THRESHOLD: '0.1', SIGHTLINE_NMS_IOU: '0.2' }
    const values = await read({ threshold: '0.9' }, environment)
    expect(values).toMatchObject({ gallery: 'there', threshold: 0.9, nmsIou: 0.2 })
  })

  test.each([
    [{ gallery: 'g', threshold: '7' }, {}, "--threshold takes a number from -1 to 1, not '7'"],
    [{ gallery: 'g', nmsIou: '' }, {}, "--nms-iou takes a number from 0 to 1, not ''"],
    [{ threshold: '0.5' }, {}, '--gallery is missing'],
    [{ threshold: '7' }, { SIGHTLINE_CANDIDATES: '0' }, 'SIGHTLINE_CANDIDATES=0: takes a whole number from 1 to 100'],
  ])('that are wrong are named as they were given: %j', async (flags, environment, message) => {
    await expect(read(flags, environment)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    })
  })

  test('only of the environment can be wrong too, and that is no wrong usage', async () => {
    const found = read({ gallery: 'g' }, { SIGHTLINE_NMS_IOU: 'x' })
    await expect(found).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('the connection to Kafka', () => {
  const connection = async (environment: Record<string, string>) =>
    kafkaConnection(await readSettings(kafkaSettings, { environment, readFile }), readFile)

  test('has no encryption and no log-in unless asked for', async () => {
    expect(await connection({})).toEqual({ brokers: ['localhost:9092'], clientId: 'sightline' })
  })

  test('takes certificates and a log-in', async () => {
    expect(
      await connection({
        SIGHTLINE_KAFKA_TLS: 'true',
        SIGHTLINE_KAFKA_TLS_CA: '/ca.pem',
        SIGHTLINE_KAFKA_SASL_MECHANISM: 'scram-sha-256',
        SIGHTLINE_KAFKA_SASL_USERNAME: 'camera',
        SIGHTLINE_KAFKA_SASL_PASSWORD: 'pw',
      }),
    ).toMatchObject({ tls: { ca: 'CA' }, sasl: { mechanism: 'scram-sha-256', username: 'camera', password: 'pw' } })
  })

  test.each([
    [{ SIGHTLINE_KAFKA_SASL_MECHANISM: 'plain' }, 'needs SIGHTLINE_KAFKA_SASL_USERNAME'],
    [{ SIGHTLINE_KAFKA_SASL_PASSWORD: 'pw' }, 'of no use without SIGHTLINE_KAFKA_SASL_MECHANISM'],
    [{ SIGHTLINE_KAFKA_TLS: 'true', SIGHTLINE_KAFKA_TLS_CERT: '/ca.pem' }, 'SIGHTLINE_KAFKA_TLS_KEY go together'],
    [{ SIGHTLINE_KAFKA_TLS_CA: '/ca.pem' }, 'SIGHTLINE_KAFKA_TLS is not true'],
    [{ SIGHTLINE_KAFKA_TLS: 'true', SIGHTLINE_KAFKA_TLS_CA: '/gone.pem' }, '/gone.pem'],
  ])('says what does not go together: %j', async (environment, message) => {
    await expect(connection(environment)).rejects.toThrow(message)
  })
})
