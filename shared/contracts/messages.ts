/** What travels between the services: one message a frame, from boxes with crops to boxes with embeddings. */
import type { TravellingCrop } from '../imaging/crop-codec.ts'

/** The frame an internal message is about. */
export interface FrameInfo {
  readonly id: string
  readonly camera: string
  readonly source: string
  /** ms since the epoch. */
  readonly capturedAt: number
  /** Pixels, EXIF orientation applied; null where the frame was skipped before it was decoded. */
  readonly size: { readonly width: number; readonly height: number } | null
  /** Why the frame was not computed; null where it was. */
  readonly skipped: string | null
}

export interface ModelInfo {
  readonly name: string
  /** Of the ONNX file, hex. */
  readonly sha256: string
  /** Where not the model itself ran but the form of it that computes in this precision. */
  readonly precision?: 'int8'
}

/** How messages name the model that made them, of its manifest: whatever form of it ran, its vectors are of this model's kind. */
export const modelInfo = ({ name, sha256 }: ModelInfo, precision: 'float' | 'int8' = 'float'): ModelInfo => ({
  name,
  sha256,
  ...(precision === 'int8' && { precision }),
})

/** A box in frame pixels; x2 and y2 are exclusive edges. */
export interface Box {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  /** Detection score in 0..1; 0 for the whole frame. */
  readonly score: number
  /** The box is the frame itself, added because nothing (or, by option, whatever) was detected. */
  readonly wholeFrame: boolean
}

/** ms spent on a frame, waiting for a place in a batch included. */
export interface Timings {
  readonly decodeMs: number
  readonly detectMs: number
  readonly embedMs: number
}

/** How closely a frame was looked at. */
export interface Look {
  /** In tiles too, or as a whole alone. */
  readonly scene: 'normal' | 'dense'
  /** Tiles; 1 and 1 where a dense frame is too small for any. */
  readonly columns: number
  readonly rows: number
  /** Most boxes that the frame could have. */
  readonly maxBoxes: number
}

/** Boxes that were found, and those of them, the best, that went into a message. */
export interface Truncated {
  readonly found: number
  readonly kept: number
}

/** A box with its picture, at its own size up to a bound: whoever embeds it resizes it. */
export interface Detection extends TravellingCrop {
  readonly box: Box
}

export interface Detections {
  readonly frame: FrameInfo
  readonly detections: readonly Detection[]
  readonly detector: ModelInfo
  readonly detectionThreshold: number
  readonly timings: Timings
  /** Not given of a frame that was not computed, and by detectors of earlier versions. */
  readonly look?: Look
  /** Where not all boxes fit a message. */
  readonly truncated?: Truncated
}

export interface Embeddings {
  readonly frame: FrameInfo
  /** `vector` is L2-normalized. */
  readonly embeddings: readonly { readonly box: Box; readonly vector: Float32Array }[]
  readonly detector: ModelInfo
  readonly embedder: ModelInfo
  readonly detectionThreshold: number
  readonly timings: Timings
  /** Not given of a frame that was not computed, and by detectors of earlier versions. */
  readonly look?: Look
  /** Where not all boxes fit a message. */
  readonly truncated?: Truncated
}
