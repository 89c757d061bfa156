/** The wire format is pinned byte by byte: services of two versions must read each other. */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { DetectionsSchema } from '../../../shared/contracts/gen/sightline_pb.js'
import type { Detections, Embeddings } from '../../../shared/contracts/messages.ts'
import {
  decodeDetections,
  decodeEmbeddings,
  encodeDetections,
  encodeEmbeddings,
} from '../../../shared/contracts/wire.ts'

const box = { x1: 1, y1: 2, x2: 30.5, y2: 40, score: 0.5, wholeFrame: false }
const frame = {
  id: 'cam-1@frames-0-7',
  camera: 'cam-1',
  source: 'frames-0-7',
  capturedAt: 1_700_000_000_123,
  size: { width: 640, height: 480 },
  skipped: null,
}
const timings = { decodeMs: 1, detectMs: 2, embedMs: 0 }
const detector = { name: 'd', sha256: 'aa' }
const detections: Detections = {
  frame,
  detections: [{ box, crop: Uint8Array.of(255, 216) }],
  detector,
  detectionThreshold: 0.25,
  timings,
}
const embeddings: Embeddings = {
  frame,
  embeddings: [{ box: { ...box, wholeFrame: true }, vector: Float32Array.of(0.5, -0.5) }],
  detector,
  embedder: { name: 'e', sha256: 'bb' },
  detectionThreshold: 0.25,
  timings: { ...timings, embedMs: 4 },
}

/** How it was looked at, and what of it was left out, by detectors that tell. */
const told = {
  look: { scene: 'dense', columns: 3, rows: 2, maxBoxes: 300 },
  truncated: { found: 300, kept: 120 },
} as const

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('detections', () => {
  test('are, with any crops, what the library writes and reads', () => {
    for (const length of [1, 127, 128, 16_383, 16_384, 150_528]) {
      const crop = new Uint8Array(length).fill(length)
      const size = { width: length, height: 1 }
      const message = {
        ...detections,
        detections: [
          { box, crop },
          { box, crop, size },
          { box, crop },
        ],
      }
      const wire = encodeDetections(message)
      expect(decodeDetections(wire)).toEqual(message)
      expect(toBinary(DetectionsSchema, fromBinary(DetectionsSchema, wire))).toEqual(wire)
    }
  })

  test('are written as they always were', () => {
    expect(hex(encodeDetections(detections))).toMatchInlineSnapshot(
      `"080112320a1063616d2d31406672616d65732d302d37120563616d2d311a0a6672616d65732d302d3720fbd095ffbc3128800530e0031a1f0a190d0000803f15000000401d0000f44125000020422d0000003f1202ffd822070a0164120261612d0000803e321209000000000000f03f110000000000000040"`,
    )
  })

  test('come back as they were sent', () => {
    expect(decodeDetections(encodeDetections(detections))).toEqual(detections)
    expect(decodeDetections(encodeDetections({ ...detections, ...told }))).toEqual({ ...detections, ...told })
  })

  test('of a skipped frame keep the reason and have no size', () => {
    const skipped = { ...detections, frame: { ...frame, size: null, skipped: 'stale' }, detections: [] }
    expect(decodeDetections(encodeDetections(skipped))).toEqual(skipped)
  })
})

describe('embeddings', () => {
  test('are written as they always were', () => {
    expect(hex(encodeEmbeddings(embeddings))).toMatchInlineSnapshot(
      `"080112320a1063616d2d31406672616d65732d302d37120563616d2d311a0a6672616d65732d302d3720fbd095ffbc3128800530e0031a270a1b0d0000803f15000000401d0000f44125000020422d0000003f300112080000003f000000bf22070a0164120261612a070a016512026262350000803e3a1b09000000000000f03f110000000000000040190000000000001040"`,
    )
  })

  test('come back as they were sent', () => {
    expect(decodeEmbeddings(encodeEmbeddings(embeddings))).toEqual(embeddings)
    expect(decodeEmbeddings(encodeEmbeddings({ ...embeddings, ...told }))).toEqual({ ...embeddings, ...told })
  })
})

describe('what is no message is refused', () => {
  test.each([
    ['a tombstone', null],
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('hello')],
    ['a message cut short', encodeDetections(detections).slice(0, 40)],
    ['a message of a later version', Uint8Array.of(8, 2)],
  ])('%s', (_name, bytes) => {
    expect(() => decodeDetections(bytes)).toThrow(expect.objectContaining({ code: 'MESSAGE_UNREADABLE' }))
    expect(() => decodeEmbeddings(bytes)).toThrow(expect.objectContaining({ code: 'MESSAGE_UNREADABLE' }))
  })

  test('a later version says which one is read here', () => {
    expect(() => decodeDetections(Uint8Array.of(8, 2))).toThrow(/version 2; this service reads version 1/)
  })
})

test('vectors are read right from the midst of a larger buffer, as brokers deliver them', () => {
  const wire = encodeEmbeddings(embeddings)
  const large = Buffer.alloc(4096, 7)
  large.set(wire, 1001)
  const [read] = decodeEmbeddings(large.subarray(1001, 1001 + wire.length)).embeddings
  expect(read!.vector).toEqual(Float32Array.of(0.5, -0.5))
  expect(read!.vector.buffer.byteLength).toBe(8)
})
