import { describe, expect, test } from 'vitest'
import { detectorSettings } from '../../../services/detector/settings.ts'
import { embedderSettings } from '../../../services/embedder/settings.ts'
import { matcherSettings } from '../../../services/matcher/settings.ts'
import { kafkaConnection, kafkaSettings } from '../../../shared/process/kafka-settings.ts'
import { describeSettings, readSettings, take, unknownVariables } from '../../../shared/process/settings.ts'

const files: Readonly<Record<string, string>> = { '/run/secrets/kafka': 'from-a-file\n', '/ca.pem': 'CA' }
const readFile = async (path: string): Promise<string> => {
  const text = files[path]
  if (text === undefined) throw new Error(`no such file: ${path}`)
  return text
}

const read = (environment: Record<string, string>) => readSettings(detectorSettings, environment, readFile)

describe('settings', () => {
  test('have defaults for all that can have one', async () => {
    const values = await read({})
    expect(values).toMatchObject({
      kafkaBrokers: ['localhost:9092'],
      delivery: 'exactly-once',
      maxBatch: 16,
      wholeFrame: 'fallback',
      cropCodec: { format: 'jpeg', quality: 98 },
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
    })
    expect(values).toMatchObject({ kafkaBrokers: ['a:9092', 'b:9092'], kafkaTls: true, maxBoxes: 50 })
    expect(values.detectionThreshold).toBeUndefined()
    expect(values.cropCodec).toEqual({ format: 'png' })
    expect(values.cameraMaxFrameAgeSeconds).toEqual(new Map([['gate, left', 2.5]]))
  })

  test('that are wrong are all told at once, with what they take', async () => {
    const error = await readSettings(
      matcherSettings,
      {
        SIGHTLINE_THRESHOLD: '7',
        SIGHTLINE_MAX_BATCH: '2.5',
        SIGHTLINE_DELIVERY: 'sometimes',
        SIGHTLINE_LABEL_THRESHOLDS: '{"oil": "high"}',
      },
      readFile,
    ).catch((thrown: unknown) => thrown)
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
    const values = await read({ SIGHTLINE_KAFKA_SASL_PASSWORD_FILE: '/run/secrets/kafka' })
    expect(values.kafkaSaslPassword).toBe('from-a-file')
    const secret = { token: { schema: take.text().max(3), help: 'a token', isSecret: true } }
    const wrong = await readSettings(secret, { SIGHTLINE_TOKEN: 'hunter2' }, readFile).catch(String)
    expect(wrong).toContain('SIGHTLINE_TOKEN')
    expect(wrong).not.toContain('hunter2')
    await expect(read({ SIGHTLINE_REDIS_URL_FILE: '/nowhere' })).rejects.toThrow(
      'SIGHTLINE_REDIS_URL_FILE: no such file: /nowhere',
    )
  })

  test('are listed with their defaults', () => {
    const help = describeSettings(detectorSettings)
    expect(help).toMatch(/SIGHTLINE_MAX_BATCH +most messages of a partition between two commits \[16\]/)
    expect(help).toMatch(/SIGHTLINE_KAFKA_BROKERS .*\[localhost:9092\]/)
    expect(help).toContain('SIGHTLINE_KAFKA_SASL_PASSWORD_FILE, a file that holds it')
    for (const settings of [detectorSettings, embedderSettings, matcherSettings]) {
      expect(describeSettings(settings)).not.toMatch(/undefined|\[object|\[\]| {2}\n/)
    }
  })

  test('that nobody knows are found: most often they are misspelt', () => {
    const environment = { SIGHTLINE_MAXBOXES: '5', SIGHTLINE_REDIS_URL_FILE: '/x', HOME: '/' }
    expect(unknownVariables(detectorSettings, environment)).toEqual(['SIGHTLINE_MAXBOXES'])
  })
})

describe('the connection to Kafka', () => {
  const connection = async (environment: Record<string, string>) =>
    kafkaConnection(await readSettings(kafkaSettings, environment, readFile), readFile)

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
    [{ SIGHTLINE_KAFKA_TLS_CA: '/ca.pem' }, 'SIGHTLINE_KAFKA_TLS is not true'],
    [{ SIGHTLINE_KAFKA_TLS: 'true', SIGHTLINE_KAFKA_TLS_CA: '/gone.pem' }, '/gone.pem'],
  ])('says what does not go together: %j', async (environment, message) => {
    await expect(connection(environment)).rejects.toThrow(message)
  })
})
