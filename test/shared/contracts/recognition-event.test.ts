/** The public event: valid against its published schema, and readable without any code of ours. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import {
  encodeRecognitionEvent,
  type RecognitionEvent,
  readRecognitionEvent,
  recognitionEventJsonSchema,
} from '../../../shared/contracts/recognition-event.ts'
import { eventLine } from '../../../views/terminal/live-view.ts'
import { noise } from '../../harness/noise.ts'

const candidate = { item: 'cola-330', label: 'Cola 330 ml', score: 0.91 }
const event: RecognitionEvent = {
  id: 'cam 1/ä@frames-0-7',
  camera: 'cam 1/ä',
  source: 'frames-0-7',
  capturedAt: '2026-01-02T03:04:05.678Z',
  image: { width: 640, height: 480 },
  objects: [
    { box: [1, 2, 30.5, 40], detectionScore: 0.5, ...candidate, candidates: [candidate] },
    { box: [1, 2, 3, 4], detectionScore: 0.4, item: null, label: null, score: 0, candidates: [] },
  ],
  skipped: null,
  gallery: { revision: 3, entries: 5, items: 1 },
  models: { detector: { name: 'd', sha256: 'aa' }, embedder: { name: 'e', sha256: 'bb' } },
  thresholds: { detection: 0.3, recognition: 0.5 },
  timings: { decodeMs: 1, detectMs: 2, embedMs: 3, matchMs: 4, totalMs: 10 },
}

const validate = new Ajv2020({ formats: { 'date-time': true }, strict: false }).compile(
  recognitionEventJsonSchema() as object,
)

test('an event is valid against the published JSON Schema, a mistaken one is not', () => {
  expect(validate(event)).toBe(true)
  const scene = { mode: 'dense', tiles: { columns: 2, rows: 2 }, maxBoxes: 300 }
  expect(validate({ ...event, scene, truncated: { found: 300, kept: 120 } })).toBe(true)
  expect(validate({ ...event, scene: { ...scene, mode: 'auto' } })).toBe(false)
  expect(validate({ ...event, objects: [{ ...event.objects[0], box: [1, 2, 3] }] })).toBe(false)
  expect(validate({ ...event, item: undefined, camera: 5 })).toBe(false)
})

test('the published schema in docs/ is the one of the code', () => {
  const published = JSON.parse(
    readFileSync(new URL('../../../docs/recognition-event.schema.json', import.meta.url), 'utf8'),
  ) as unknown
  expect(published, 'run: npm run generate').toEqual(recognitionEventJsonSchema())
})

test('travels as a CloudEvents-binary message: attributes in headers, plain JSON as the value', () => {
  const { topic, key, value, headers } = encodeRecognitionEvent('recognitions', event)
  expect(topic).toBe('recognitions')
  expect(key).toBe('cam 1/ä')
  expect(JSON.parse(new TextDecoder().decode(value ?? undefined))).toEqual(event)
  expect(headers).toEqual({
    ce_specversion: '1.0',
    ce_type: 'io.sightline.recognition.v1',
    ce_id: 'cam 1/ä@frames-0-7',
    ce_source: '/cameras/cam%201%2F%C3%A4',
    ce_time: '2026-01-02T03:04:05.678Z',
    ce_subject: 'cam 1/ä',
    'content-type': 'application/json',
  })
})

test('what encodeRecognitionEvent writes, readRecognitionEvent reads', () => {
  expect(readRecognitionEvent(encodeRecognitionEvent('recognitions', event).value)).toEqual(event)
  const many = Array.from({ length: 100 }, () => candidate)
  const full = { ...event, objects: Array.from({ length: 1001 }, () => ({ ...event.objects[0]!, candidates: many })) }
  expect(readRecognitionEvent(encodeRecognitionEvent('recognitions', full).value)).toEqual(full)
})

test.each([
  ['nothing', ''],
  ['null', 'null'],
  ['a number', '5'],
  ['a million objects', `{"objects":[${'{},'.repeat(1e6)}{}]}`],
  ['a million candidates', `{"objects":[{"candidates":[${'{},'.repeat(1e6)}{}]}]}`],
  ['a million levels', '['.repeat(1e6) + ']'.repeat(1e6)],
  ['names of an object’s own', '{"__proto__":{"id":"a"},"constructor":1}'],
])('%s is no event, and that is soon known', (_what, text) => {
  const started = performance.now()
  expect(readRecognitionEvent(Buffer.from(text))).toBeNull()
  expect(performance.now() - started).toBeLessThan(3_000)
})

test('100,000 damaged events: each is a line, or is none', { timeout: 60_000 }, () => {
  const whole = Buffer.from(JSON.stringify(event))
  const choices = noise(400_000, 21)
  let lines = 0
  for (let number = 0; number < 100_000; number += 1) {
    const [first, second, third, cut] = choices.subarray(4 * number)
    const place = (first! * 256 + second!) % whole.length
    const damaged = Buffer.from(cut! < 32 ? whole.subarray(0, place) : whole)
    if (place < damaged.length) damaged[place] = third!
    const read = readRecognitionEvent(damaged)
    if (read === null) continue
    if (eventLine(read).includes('\n')) expect(eventLine(read)).toBe('one line')
    lines += 1
  }
  expect(lines).toBeGreaterThan(5_000)
})
