/** The fixed picture that a model is tried with before it is used: its recorded answer is in the manifest. */
import type { Pixels } from '../imaging/decode.ts'

/**
 * A picture of RGB: `(x · (c + 1) + y · (3 - c) + 64 · ((x / 32 xor y / 32) mod 4)) mod 256` in whole
 * numbers; python/base/ makes the same pattern when an answer is recorded, test/golden/canary.json holds both.
 */
export function canaryPattern({ width, height }: { readonly width: number; readonly height: number }): Pixels {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const block = 64 * (((x >> 5) ^ (y >> 5)) & 3)
      for (let c = 0; c < 3; c += 1) data[(y * width + x) * 3 + c] = x * (c + 1) + y * (3 - c) + block
    }
  }
  return { data, width, height }
}
