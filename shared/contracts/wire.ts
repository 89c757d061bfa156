/** The internal messages as Protocol Buffers; a message of another version or shape is refused, never guessed at. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { SightlineError } from '../errors/errors.ts'
import {
  type Box as BoxMessage,
  type Detection as DetectionMessage,
  DetectionSchema,
  DetectionsSchema,
  EmbeddingsSchema,
  type FrameInfo as FrameInfoMessage,
  type FrameInfoSchema,
  type Look as LookMessage,
  type ModelInfo as ModelInfoMessage,
  type Timings as TimingsMessage,
  type Truncated as TruncatedMessage,
} from './gen/sightline_pb.js'
import type { Box, Detection, Detections, Embeddings, FrameInfo, Look, ModelInfo, Timings } from './messages.ts'

/** Raised when a field changes its meaning; adding one keeps it. */
const version = 1

/**
 * Crops are by far the most of it, and are copied once, to their place: the library's writer grows, shifts and cuts, and
 * leaves several times their size to the garbage collector. A message is its fields one after another, so parts of one are
 * written apart and joined.
 */
export function encodeDetections({ frame, detections, ...rest }: Detections): Uint8Array {
  const part = (fields: MessageInitShape<typeof DetectionsSchema>): Uint8Array =>
    toBinary(DetectionsSchema, create(DetectionsSchema, fields))
  return joined([part({ version, frame: frameToWire(frame) }), ...detections.flatMap(detectionToWire), part(rest)])
}

function detectionToWire({ box, crop, size }: Detection): readonly Uint8Array[] {
  const part = (fields: MessageInitShape<typeof DetectionSchema>): Uint8Array =>
    toBinary(DetectionSchema, create(DetectionSchema, fields))
  const parts = [part({ box }), beginOf(DetectionSchema.field.crop.number, crop.length), crop, part(size ?? {})]
  return [beginOf(DetectionsSchema.field.detections.number, lengthOf(parts)), ...parts]
}

/** What stands before the `length` bytes of a field. */
const beginOf = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0)

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lengthOf(parts))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Throws MESSAGE_UNREADABLE. */
export function decodeDetections(value: Uint8Array | null): Detections {
  return decoding('detections', value, (bytes) => {
    const message = fromBinary(DetectionsSchema, bytes)
    requireVersion(message.version)
    return {
      frame: frameFromWire(required(message.frame, 'frame')),
      detections: message.detections.map(detectionFromWire),
      detector: modelFromWire(required(message.detector, 'detector')),
      detectionThreshold: message.detectionThreshold,
      timings: timingsFromWire(message.timings),
      ...lookFromWire(message),
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
      ...(message.look && { look: message.look }),
      ...(message.truncated && { truncated: message.truncated }),
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
      ...lookFromWire(message),
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

function detectionFromWire({ box, crop, width, height }: DetectionMessage): Detection {
  const found = { box: boxFromWire(required(box, 'box')), crop }
  return width === 0 && height === 0 ? found : { ...found, size: { width, height } }
}

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

/** What detectors of earlier versions do not tell. */
function lookFromWire({
  look,
  truncated,
}: {
  readonly look?: LookMessage | undefined
  readonly truncated?: TruncatedMessage | undefined
}): Pick<Detections, 'look' | 'truncated'> {
  return {
    ...(look !== undefined && {
      look: {
        scene: look.scene === 'dense' ? 'dense' : 'normal',
        columns: look.columns,
        rows: look.rows,
        maxBoxes: look.maxBoxes,
      } satisfies Look,
    }),
    ...(truncated !== undefined && { truncated: { found: truncated.found, kept: truncated.kept } }),
  }
}

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
