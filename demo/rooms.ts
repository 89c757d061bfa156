/** The three places the sample cameras look at: a shelf, a checkout and a conveyor, with their light and what stands around. */
import { letter } from '@sightline/views/draw/lettering.ts'
import { cloudNoise, valueNoise } from './grain.ts'
import { block, plane, unit, type Vector } from './mesh.ts'
import type { Part } from './package-shapes.ts'
import type { Random } from './random.ts'
import type { Lighting, Placement } from './rasterize.ts'
import { paintedTexture, svgTexture, type Texture } from './texture.ts'
import type { View } from './view.ts'

/** A part of the room and where it stands. */
export interface Furniture {
  readonly part: Part
  readonly placement: Placement
}

export interface Room {
  readonly view: View
  readonly lighting: Lighting
  readonly furniture: readonly Furniture[]
  /** How the camera sees: white balance as factors of red, green and blue. */
  readonly tint: Vector
  /** Standard deviation of the sensor's noise at mid grey, of 255. */
  readonly noise: number
  /** Gaussian blur of the lens in px. */
  readonly blur: number
}

const still: Placement = { position: [0, 0, 0], lift: 0, yaw: 0, tip: 0 }

const put = (mesh: Part['mesh'], texture: Texture, gloss = 0.05, position: Vector = [0, 0, 0]): Furniture => ({
  part: { mesh, texture, gloss },
  placement: { ...still, position },
})

/** Heights of the boards that packages stand on. */
export const boards = [0, 37] as const

export async function shelfRoom(random: Random): Promise<Room> {
  const seed = random.integer(0, 1e6)
  const wall = paintedTexture(512, 320, (x, y) => {
    const slot = x % 64 < 5 && y % 16 < 9 ? -55 : 0
    const grey = 176 + slot + 14 * cloudNoise(x / 90, y / 60, seed, 4) - 34 * Math.abs(y / 160 - 1)
    return [grey, grey - 1, grey - 5]
  })
  const board = paintedTexture(512, 128, (x, y) => {
    const scratch = valueNoise(x / 60, y / 1.6, seed + 9) > 0.86 ? -14 : 0
    const depth = 70 * Math.max(0, 1 - y / 90)
    const grey = 214 - depth + 16 * cloudNoise(x / 30, y / 30, seed + 3, 4) + scratch
    return [grey, grey - 4, grey - 12]
  })
  const dark = paintedTexture(64, 32, (x, y) => {
    const grey = 66 + 20 * cloudNoise(x / 9, y / 9, seed + 5, 3)
    return [grey, grey, grey + 3]
  })
  const width = 170
  const furniture: Furniture[] = [put(plane([-85, 100, -26], [width, 0, 0], [0, -130, 0], 12, 10), wall)]
  for (const [index, y] of boards.entries()) {
    const tags = await priceRail(random.fork(`rail-${index}`), width)
    furniture.push(
      put(plane([-85, y, -26], [width, 0, 0], [0, 0, 28], 24, 8), board),
      put(plane([-85, y, 2], [width, 0, 0], [0, -4.6, 0], 24, 2), tags, 0.2),
      put(plane([-85, y - 4.6, 2], [width, 0, 0], [0, 0, -28], 24, 8), dark),
    )
  }
  furniture.push(
    put(plane([-85, -30, 6], [width, 0, 0], [0, -40, 0]), dark),
    put(block(3, 120, 3).front, wall, 0.3, [-58, -30, -1.5]),
    put(block(3, 120, 3).front, wall, 0.3, [58, -30, -1.5]),
  )
  return {
    view: { width: 960, height: 720, position: [6, 40, 118], target: [1, 29, 0], angle: 46 },
    lighting: { direction: unit([-0.35, 0.75, 0.75]), key: 0.6, ambient: 0.66, ground: null },
    furniture,
    tint: [1.03, 1, 0.95],
    noise: 3.2,
    blur: 0.6,
  }
}

/** A price rail with paper tags in irregular distances, some yellow. */
function priceRail(random: Random, width: number): Promise<Texture> {
  const [w, h] = [width * 12, 56]
  const tags: string[] = []
  for (let x = random.between(0, 120); x < w; x += random.between(130, 330)) {
    const offer = random.next() < 0.3
    const price = letter(`${random.integer(0, 8)}.${random.integer(1, 9)}9`, 30, 800)
    const lines = [12, 19, 26].map(
      (y) => `<path d="M6 ${y}h${random.between(24, 44)}" stroke="#555" stroke-width="3"/>`,
    )
    tags.push(
      `<g transform="translate(${x} 4)"><rect width="118" height="46" fill="${offer ? '#ffe04a' : '#fbfbf8'}"/>${lines.join('')}<path transform="translate(54 36)" fill="${offer ? '#c01818' : '#222'}" d="${price.path}"/></g>`,
    )
  }
  return svgTexture(
    `<rect width="${w}" height="${h}" fill="#a9adb2"/><rect width="${w}" height="4" fill="#e4e6e8"/>${tags.join('')}`,
    w,
    h,
  )
}

export function checkoutRoom(random: Random): Room {
  const seed = random.integer(0, 1e6)
  const wood = paintedTexture(768, 512, (x, y) => {
    const plank = Math.floor(y / 86)
    const along = cloudNoise(x / 160 + plank * 7, (y + 10 * valueNoise(x / 90, plank, seed)) / 5, seed + plank, 4)
    const gap = y % 86 < 2 ? -46 : 0
    const tone = 6 * ((plank * 37) % 5) + gap + 52 * along
    return [128 + tone, 96 + tone * 0.86, 62 + tone * 0.7]
  })
  const floor = paintedTexture(256, 192, (x, y) => {
    const tile = (Math.floor(x / 10) + Math.floor(y / 10)) % 2 === 0 ? 12 : 0
    const grey = 92 + tile + 18 * cloudNoise(x / 14, y / 14, seed + 2, 3)
    return [grey, grey, grey - 4]
  })
  const steel = brushedSteel(seed + 4)
  return {
    view: { width: 960, height: 720, position: [-3, 86, 40], target: [0, 2, 2], angle: 48 },
    lighting: { direction: unit([0.5, 0.9, 0.25]), key: 0.7, ambient: 0.55, ground: null },
    furniture: [
      put(plane([-300, -60, -420], [600, 0, 0], [0, 0, 410], 24, 24), floor),
      put(plane([-75, 0, -44], [150, 0, 0], [0, 0, 84], 24, 16), wood, 0.25),
      put(plane([-75, 0.02, -48], [150, 0, 0], [0, 0, 4.5], 24, 2), steel, 0.5),
    ],
    tint: [1, 1, 1.02],
    noise: 4.2,
    blur: 0.75,
  }
}

const brushedSteel = (seed: number): Texture =>
  paintedTexture(512, 64, (x, y) => {
    const grey = 150 + 36 * valueNoise(x / 60, y / 1.2, seed) + 10 * valueNoise(x / 3, y, seed + 1)
    return [grey, grey + 1, grey + 4]
  })

export async function conveyorRoom(random: Random): Promise<Room> {
  const seed = random.integer(0, 1e6)
  const belt = paintedTexture(1024, 256, (x, y) => {
    const weave = (x + y) % 6 < 2 || (x - y + 1024) % 6 < 2 ? 9 : 0
    const worn = 26 * cloudNoise(x / 120, y / 22, seed, 4) + (Math.abs(y - 128) < 70 ? 7 : 0)
    const grey = 40 + weave + worn
    return [grey, grey + 1, grey + 4]
  })
  const hall = paintedTexture(96, 64, (x, y) => {
    const column = valueNoise(x / 7, 0.5, seed + 1)
    const machine = y > 34 && valueNoise(x / 9, 3, seed + 2) > 0.62
    const lamp = y < 14 && x % 24 < 8 ? 70 : 0
    const grey = 128 + 60 * column - y * 0.5 + 20 * cloudNoise(x / 12, y / 12, seed + 3, 3) + lamp
    return machine ? [grey + 46, grey + 22, grey - 40] : [grey - 6, grey, grey + 8]
  })
  const floor = paintedTexture(96, 64, (x, y) => {
    const grey = 96 + 36 * cloudNoise(x / 14, y / 10, seed + 5, 4) + (Math.abs(y - 20) < 2 ? 46 : 0)
    return [grey, grey, Math.abs(y - 20) < 2 ? grey - 70 : grey - 3]
  })
  const steel = brushedSteel(seed + 6)
  const frame = await warningFrame()
  return {
    view: { width: 1280, height: 720, position: [-10, 46, 92], target: [0, 9, 0], angle: 56 },
    lighting: { direction: unit([-0.6, 0.8, 0.35]), key: 0.75, ambient: 0.62, ground: null },
    furniture: [
      put(plane([-260, 150, -150], [520, 0, 0], [0, -230, 0], 12, 8), hall),
      put(plane([-260, -70, -150], [520, 0, 0], [0, 0, 200], 16, 12), floor),
      put(plane([-110, 0, -19], [220, 0, 0], [0, 0, 38], 32, 8), belt, 0.15),
      put(plane([-110, 3.4, -20.5], [220, 0, 0], [0, 0, 1.5], 24, 1), steel, 0.5),
      put(plane([-110, 3.4, -19], [220, 0, 0], [0, -3.4, 0], 24, 1), steel, 0.3),
      put(plane([-110, 2.2, 19], [220, 0, 0], [0, 0, 1.8], 24, 1), steel, 0.6),
      put(plane([-110, 2.2, 20.8], [220, 0, 0], [0, -13, 0], 24, 3), frame, 0.3),
    ],
    tint: [0.97, 1, 1.05],
    noise: 4.8,
    blur: 0.7,
  }
}

function warningFrame(): Promise<Texture> {
  const stripes = Array.from(
    { length: 6 },
    (_, index) => `<path d="M${120 + index * 36} 40l18 -30h18l-18 30Z" fill="#1d1d1d"/>`,
  )
  const bolts = Array.from(
    { length: 22 },
    (_, index) =>
      `<circle cx="${40 + index * 90}" cy="100" r="6" fill="#4b5157"/><circle cx="${38 + index * 90}" cy="98" r="2.5" fill="#aab"/>`,
  )
  return svgTexture(
    `<rect width="2000" height="120" fill="#6f7a85"/><rect width="2000" height="5" fill="#9aa5af"/><rect x="120" y="10" width="220" height="30" fill="#e3b21b"/>${stripes.join('')}${bolts.join('')}<rect y="62" width="2000" height="2" fill="#525b64"/>`,
    2000,
    120,
  )
}
