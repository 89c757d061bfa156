/** The internal messages as Protocol Buffers; a message of another version or shape is refused, never guessed at. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { SightlineError } from '../errors/errors.ts'
import {
  type Box as BoxMessage,
  DetectionsSchema,
  EmbeddingsSchema,
  type FrameInfo as FrameInfoMessage,
  type FrameInfoSchema,
  type ModelInfo as ModelInfoMessage,
  type Timings as TimingsMessage,
} from './gen/sightline_pb.js'
import type { Box, Detections, Embeddings, FrameInfo, ModelInfo, Timings } from './messages.ts'

/** Raised when a field changes its meaning; adding one keeps it. */
const version = 1

export function encodeDetections(message: Detections): Uint8Array {
  return toBinary(
    DetectionsSchema,
    create(DetectionsSchema, {
      version,
      frame: frameToWire(message.frame),
      detections: message.detections.map(({ box, crop }) => ({ box, crop })),
      detector: message.detector,
      detectionThreshold: message.detectionThreshold,
      timings: message.timings,
    }),
  )
}

/** Throws MESSAGE_UNREADABLE. */
export function decodeDetections(value: Uint8Array | null): Detections {
  return decoding('detections', value, (bytes) => {
    const message = fromBinary(DetectionsSchema, bytes)
    requireVersion(message.version)
    return {
      frame: frameFromWire(required(message.frame, 'frame')),
      detections: message.detections.map(({ box, crop }) => ({ box: boxFromWire(required(box, 'box')), crop })),
      detector: modelFromWire(required(message.detector, 'detector')),
      detectionThreshold: message.detectionThreshold,
      timings: timingsFromWire(message.timings),
    }
  })
}

export function encodeEmbeddings(message: Embeddings): Uint8Array {
  return toBinary(
    EmbeddingsSchema,
    create(EmbeddingsSchema, {
      version,
      frame: frameToWire(message.frame),
      embeddings: message.embeddings.map(({ box, vector }) => ({ box, vector: vectorToWire(vector) })),
      detector: message.detector,
      embedder: message.embedder,
      detectionThreshold: message.detectionThreshold,
      timings: message.timings,
    }),
  )
}

/** Throws MESSAGE_UNREADABLE. */
export function decodeEmbeddings(value: Uint8Array | null): Embeddings {
  return decoding('embeddings', value, (bytes) => {
    const message = fromBinary(EmbeddingsSchema, bytes)
    requireVersion(message.version)
    return {
      frame: frameFromWire(required(message.frame, 'frame')),
      embeddings: message.embeddings.map(({ box, vector }) => ({
        box: boxFromWire(required(box, 'box')),
        vector: vectorFromWire(vector),
      })),
      detector: modelFromWire(required(message.detector, 'detector')),
      embedder: modelFromWire(required(message.embedder, 'embedder')),
      detectionThreshold: message.detectionThreshold,
      timings: timingsFromWire(message.timings),
    }
  })
}

function decoding<T>(what: string, value: Uint8Array | null, read: (bytes: Uint8Array) => T): T {
  if (value === null) throw new SightlineError('MESSAGE_UNREADABLE', `a ${what} message without a value`)
  try {
    return read(value)
  } catch (cause) {
    if (cause instanceof SightlineError) throw cause
    throw new SightlineError('MESSAGE_UNREADABLE', `not a ${what} message of ${value.length} bytes`, { cause })
  }
}

function requireVersion(found: number): void {
  if (found !== version) {
    throw new SightlineError(
      'MESSAGE_UNREADABLE',
      `message version ${found}; this service reads version ${version}: upgrade the services together`,
    )
  }
}

function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new SightlineError('MESSAGE_UNREADABLE', `the message has no ${field}`)
  return value
}

function frameToWire(frame: FrameInfo): MessageInitShape<typeof FrameInfoSchema> {
  return {
    id: frame.id,
    camera: frame.camera,
    source: frame.source,
    capturedAtMs: BigInt(Math.round(frame.capturedAt)),
    width: frame.size?.width ?? 0,
    height: frame.size?.height ?? 0,
    skipped: frame.skipped ?? '',
  }
}

function frameFromWire(frame: FrameInfoMessage): FrameInfo {
  return {
    id: frame.id,
    camera: frame.camera,
    source: frame.source,
    capturedAt: Number(frame.capturedAtMs),
    size: frame.width === 0 || frame.height === 0 ? null : { width: frame.width, height: frame.height },
    skipped: frame.skipped === '' ? null : frame.skipped,
  }
}

const boxFromWire = ({ x1, y1, x2, y2, score, wholeFrame }: BoxMessage): Box => ({ x1, y1, x2, y2, score, wholeFrame })

const modelFromWire = ({ name, sha256, precision }: ModelInfoMessage): ModelInfo => ({
  name,
  sha256,
  ...(precision === 'int8' && { precision }),
})

const timingsFromWire = (timings: TimingsMessage | undefined): Timings => ({
  decodeMs: timings?.decodeMs ?? 0,
  detectMs: timings?.detectMs ?? 0,
  embedMs: timings?.embedMs ?? 0,
})

/** Little-endian, as every machine that Node.js runs on stores it. */
const vectorToWire = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)

function vectorFromWire(bytes: Uint8Array): Float32Array {
  if (bytes.byteLength % 4 !== 0) {
    throw new SightlineError('MESSAGE_UNREADABLE', `a vector of ${bytes.byteLength} bytes is not whole float32 values`)
  }
  // Copied: the bytes lie unaligned inside the message.
  return new Float32Array(new Uint8Array(bytes).buffer)
}
