/** SVG drawings as pixels to lay on surfaces, in halving sizes so that far surfaces do not sparkle. */
import sharp from 'sharp'

export interface TextureLevel {
  readonly width: number
  readonly height: number
  /** RGB, row by row. */
  readonly data: Uint8Array
}

export interface Texture {
  /** Each half as wide and high as the one before. */
  readonly levels: readonly TextureLevel[]
}

/** `content` is drawn in a space of width × height. */
export async function svgTexture(content: string, width: number, height: number): Promise<Texture> {
  const [w, h] = [Math.round(width), Math.round(height)]
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">${content}</svg>`
  const { data, info } = await sharp(Buffer.from(svg))
    .flatten({ background: '#ffffff' })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return textureOf({ width: info.width, height: info.height, data })
}

/** A texture of pixels that `colour` gives, 0..255 each. */
export function paintedTexture(
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): Texture {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 3) {
      const [red, green, blue] = colour(x, y)
      data[at] = Math.max(0, Math.min(255, red))
      data[at + 1] = Math.max(0, Math.min(255, green))
      data[at + 2] = Math.max(0, Math.min(255, blue))
    }
  }
  return textureOf({ width, height, data })
}

function textureOf(first: TextureLevel): Texture {
  const levels = [first]
  for (let last = first; Math.min(last.width, last.height) > 8; ) {
    last = halved(last)
    levels.push(last)
  }
  return { levels }
}

function halved({ width, height, data }: TextureLevel): TextureLevel {
  const [w, h] = [width >> 1, height >> 1]
  const half = new Uint8Array(w * h * 3)
  for (let y = 0, to = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const from = (y * 2 * width + x * 2) * 3
      for (let channel = 0; channel < 3; channel += 1, to += 1) {
        const upper = data[from + channel]! + data[from + channel + 3]!
        const lower = data[from + channel + width * 3]! + data[from + channel + width * 3 + 3]!
        half[to] = (upper + lower + 2) >> 2
      }
    }
  }
  return { width: w, height: h, data: half }
}
