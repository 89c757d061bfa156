/** Pixels as a network's input in plain TypeScript, as it was before there were kernels: the tests hold them to its values. */
import type { InputContract } from '../../../shared/inference/model-manifest.ts'

/** The contract's `(x · scale - mean) / std` for every value a byte can have, 256 a plane, in the network's channel order. */
export function normalizationTable({ scale, mean, std, colorOrder }: InputContract): {
  readonly values: Float32Array
  /** Channel of an RGB pixel that goes to each plane. */
  readonly channels: readonly [number, number, number]
} {
  const values = new Float32Array(3 * 256)
  for (let plane = 0; plane < 3; plane += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      values[plane * 256 + byte] = (byte * scale - mean[plane]!) / std[plane]!
    }
  }
  return { values, channels: colorOrder === 'RGB' ? [0, 1, 2] : [2, 1, 0] }
}

/**
 * Writes height · width · 3 bytes of RGB as three planes into `tensor` at `offset` (NCHW).
 * `mean` and `std` are in the network's channel order.
 */
export function writePlanes(
  rgb: Uint8Array,
  table: ReturnType<typeof normalizationTable>,
  tensor: Float32Array,
  offset: number,
): void {
  const size = rgb.length / 3
  for (let plane = 0; plane < 3; plane += 1) {
    const values = table.values.subarray(plane * 256, plane * 256 + 256)
    const at = offset + plane * size
    for (let pixel = 0, from = table.channels[plane]!; pixel < size; pixel += 1, from += 3) {
      tensor[at + pixel] = values[rgb[from]!]!
    }
  }
}

/** As `writePlanes`, pixel after pixel (NHWC). */
export function writePixels(
  rgb: Uint8Array,
  table: ReturnType<typeof normalizationTable>,
  tensor: Float32Array,
  offset: number,
): void {
  for (let at = 0; at < rgb.length; at += 3) {
    for (let channel = 0; channel < 3; channel += 1) {
      tensor[offset + at + channel] = table.values[channel * 256 + rgb[at + table.channels[channel]!]!]!
    }
  }
}
