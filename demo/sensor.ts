/** What a camera makes of a scene: lens blur, vignette, white balance, exposure, sensor noise and JPEG. */
import sharp from 'sharp'
import type { Random } from './random.ts'

export interface Exposure {
  /** Factor of all light. */
  readonly gain: number
  readonly tint: readonly [red: number, green: number, blue: number]
  /** Gaussian blur in px; 0.3 or more. */
  readonly blur: number
  /** Standard deviation at mid grey, of 255. */
  readonly noise: number
  /** 1..100. */
  readonly quality: number
}

/** Normal deviates, drawn once a picture and read from random places: a draw a pixel would take longer than the scene. */
const tableSize = 1 << 15

/** JPEG of an RGB picture as this camera takes it. */
export async function expose(
  colour: Uint8Array,
  width: number,
  height: number,
  exposure: Exposure,
  random: Random,
): Promise<Uint8Array> {
  const raw = { width, height, channels: 3 } as const
  const soft = await sharp(colour, { raw }).blur(exposure.blur).raw().toBuffer()
  addNoise(soft, width, height, exposure, random)
  return sharp(soft, { raw }).jpeg({ quality: exposure.quality }).toBuffer()
}

function addNoise(data: Uint8Array, width: number, height: number, exposure: Exposure, random: Random): void {
  const { gain, noise } = exposure
  const [red, green, blue] = exposure.tint
  const table = new Float32Array(tableSize)
  for (let at = 0; at < tableSize; at += 1) table[at] = random.normal()
  // Shot noise grows with the square root of the light; 11.3 is that of mid grey.
  const amplitude = Float32Array.from({ length: 512 }, (_, light) => noise * (0.4 + (0.6 * Math.sqrt(light)) / 11.3))
  const falloff = 0.28 / (width * width + height * height)
  for (let y = 0, at = 0; y < height; y += 1) {
    // Each row starts elsewhere in the table, so that no pattern repeats below another.
    let draw = random.integer(0, tableSize - 1)
    const dy = 2 * y - height
    for (let x = 0; x < width; x += 1, at += 3, draw += 3) {
      const dx = 2 * x - width
      const light = gain * (1 - (dx * dx + dy * dy) * falloff)
      const r = data[at]! * light * red
      const g = data[at + 1]! * light * green
      const b = data[at + 2]! * light * blue
      const noisyRed = r + table[draw & (tableSize - 1)]! * amplitude[r | 0]! + 0.5
      const noisyGreen = g + table[(draw + 1) & (tableSize - 1)]! * amplitude[g | 0]! + 0.5
      const noisyBlue = b + table[(draw + 2) & (tableSize - 1)]! * amplitude[b | 0]! + 0.5
      data[at] = Math.max(0, Math.min(255, noisyRed))
      data[at + 1] = Math.max(0, Math.min(255, noisyGreen))
      data[at + 2] = Math.max(0, Math.min(255, noisyBlue))
    }
  }
}
