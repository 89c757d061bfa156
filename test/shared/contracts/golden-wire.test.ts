/** What travels over topics is, byte by byte, what it was before the code was last rearranged: test/golden/wire.json. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Publication } from '../../../shared/bus/bus.ts'
import { encodeFrame } from '../../../shared/contracts/frame.ts'
import { frameId } from '../../../shared/contracts/ids.ts'
import { encodeRecognitionEvent, type RecognitionEvent } from '../../../shared/contracts/recognition-event.ts'
import { encodeDetections, encodeEmbeddings } from '../../../shared/contracts/wire.ts'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { deadLetter } from '../../../shared/stage/dead-letters.ts'

const golden: Readonly<Record<string, unknown>> = JSON.parse(
  readFileSync(new URL('../../golden/wire.json', import.meta.url), 'utf8'),
)
const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
const plain = ({ topic, key, value, headers }: Publication) => ({ topic, key, value: hex(value), headers })

const frame = {
  id: 'cam-1@frames-3-42',
  camera: 'cam-1',
  source: 'frames-3-42',
  capturedAt: 1_767_323_045_678,
  size: { width: 1280, height: 960 },
  skipped: null,
}
const box = { x1: 12.25, y1: 80.5, x2: 371.75, y2: 402.5, score: 0.8125, wholeFrame: false }
const whole = { x1: 0, y1: 0, x2: 1280, y2: 960, score: 0, wholeFrame: true }
const detector = { name: 'mainbody-lite', sha256: 'ab'.repeat(32) }
const embedder = { name: 'general-lite', sha256: 'cd'.repeat(32) }
const timings = { decodeMs: 4, detectMs: 12.5, embedMs: 0 }
const detections = {
  frame,
  detections: [
    { box, crop: Uint8Array.of(255, 216, 1, 2) },
    { box: whole, crop: Uint8Array.of(80, 54) },
  ],
  detector,
  detectionThreshold: 0.25,
  timings,
}
const event: RecognitionEvent = {
  id: frame.id,
  camera: 'cam 1/é',
  source: frame.source,
  capturedAt: '2026-01-02T03:04:05.678Z',
  image: { width: 1280, height: 960 },
  objects: [
    {
      box: [12.25, 80.5, 371.75, 402.5],
      detectionScore: 0.8125,
      item: 'cola-330',
      label: 'Cola 330 ml',
      score: 0.875,
      candidates: [{ item: 'cola-330', label: 'Cola 330 ml', score: 0.875 }],
    },
  ],
  skipped: null,
  gallery: { revision: 7, entries: 60, items: 12 },
  models: { detector, embedder },
  thresholds: { detection: 0.25, recognition: 0.5 },
  timings: { ...timings, matchMs: 1, totalMs: 99 },
}
const delivery = {
  topic: 'frames',
  partition: 3,
  offset: 42n,
  timestamp: 0,
  key: 'cam-1',
  value: Uint8Array.of(1, 2, 3),
  headers: { ce_id: 'a' },
}
const failure = {
  stage: 'detector',
  error: new SightlineError('IMAGE_UNREADABLE', 'not a picture'),
  time: 1_767_323_045_678,
}
const letter = (limit: number): Publication => deadLetter(delivery, { 'frame-id': 'cam-1:a' }, failure, () => limit)

test.each([
  ['detections', () => hex(encodeDetections(detections))],
  [
    'skipped',
    () => hex(encodeDetections({ ...detections, frame: { ...frame, size: null, skipped: 'stale' }, detections: [] })),
  ],
  [
    'embeddings',
    () =>
      hex(
        encodeEmbeddings({
          frame,
          embeddings: [{ box, vector: Float32Array.of(0.5, -0.5, 0.25, 0) }],
          detector,
          embedder,
          detectionThreshold: 0.25,
          timings: { ...timings, embedMs: 7 },
        }),
      ),
  ],
  ['event', () => plain(encodeRecognitionEvent('recognitions', event))],
  ['frame', () => plain(encodeFrame('frames', { camera: 'cam-1', bytes: Uint8Array.of(9), id: 'a', source: 'b' }))],
  ['letter', () => plain(letter(1e6))],
  ['letterWithout', () => plain(letter(0))],
  ['ids', () => [undefined, '', 'abc'].map((id) => frameId('cam-1', 'frames-0-12', id))],
])('%s', (name, made) => {
  expect(made()).toEqual(golden[name])
})
