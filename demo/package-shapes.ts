/** Package forms: which surfaces a box, can, bottle, jar or pouch has, and what is printed on each. */

import type { Design } from './design.ts'
import { frontArt, sideArt, topArt, wrapArt } from './label-art.ts'
import { block, disc, type Mesh, patch, turned, type Vector } from './mesh.ts'
import { svgTexture, type Texture } from './texture.ts'

/** Lengths in cm. */
export type Shape =
  | { readonly kind: 'box'; readonly width: number; readonly height: number; readonly depth: number }
  | { readonly kind: 'can'; readonly radius: number; readonly height: number }
  | {
      readonly kind: 'bottle' | 'jar'
      readonly radius: number
      readonly height: number
      readonly liquid: string
      readonly cap: string
    }
  | { readonly kind: 'pouch'; readonly width: number; readonly height: number; readonly depth: number }

/** A surface and what is on it. */
export interface Part {
  readonly mesh: Mesh
  readonly texture: Texture
  /** Strength of the highlights, 0 (paper) to 1 (metal). */
  readonly gloss: number
}

/** Texture pixels a cm: a package of 25 cm is sharp up to some 400 px in a frame. */
const density = 18

export function packageParts(shape: Shape, design: Design): Promise<readonly Part[]> {
  switch (shape.kind) {
    case 'box':
      return boxParts(shape, design)
    case 'can':
      return canParts(shape, design)
    case 'bottle':
    case 'jar':
      return bottleParts(shape, design)
    case 'pouch':
      return pouchParts(shape, design)
  }
}

type Of<Kind extends Shape['kind']> = Extract<Shape, { readonly kind: Kind }>

async function boxParts({ width, height, depth }: Of<'box'>, design: Design): Promise<readonly Part[]> {
  const [w, h, d] = [width * density, height * density, depth * density]
  const [front, side, top] = await Promise.all([
    svgTexture(frontArt(design, w, h) + edges(w, h), w, h),
    svgTexture(sideArt(design, d, h) + edges(d, h), d, h),
    svgTexture(topArt(design, w, d) + edges(w, d), w, d),
  ])
  const faces = block(width, height, depth)
  const gloss = 0.12
  return [
    { mesh: faces.front, texture: front, gloss },
    { mesh: faces.back, texture: front, gloss },
    { mesh: faces.left, texture: side, gloss },
    { mesh: faces.right, texture: side, gloss },
    { mesh: faces.top, texture: top, gloss },
    { mesh: faces.bottom, texture: top, gloss },
  ]
}

/** Folded cardboard is worn light at its edges. */
const edges = (w: number, h: number): string =>
  `<rect width="${w}" height="${h}" fill="none" stroke="#fff" stroke-opacity=".45" stroke-width="${density * 0.16}"/>`

async function canParts({ radius, height }: Of<'can'>, design: Design): Promise<readonly Part[]> {
  const [w, h] = [2 * Math.PI * radius * density, height * density]
  const rim = h * 0.045
  const metal = 'M0 0H1V1H0Z'
  const side =
    `<svg y="${rim}" width="${w}" height="${h - 2 * rim}" overflow="hidden">${wrapArt(design, w, h - 2 * rim)}</svg>` +
    `<path d="${metal}" transform="scale(${w} ${rim})" fill="#c9ced3"/>` +
    `<path d="${metal}" transform="translate(0 ${h - rim}) scale(${w} ${rim})" fill="#b4babf"/>`
  const size = 128
  const lid =
    `<rect width="${size}" height="${size}" fill="#c3c8cd"/><circle cx="64" cy="64" r="62" fill="#aab0b6"/><circle cx="64" cy="64" r="55" fill="#d3d8dc"/>` +
    `<circle cx="64" cy="64" r="52" fill="#bfc5ca"/><ellipse cx="64" cy="84" rx="17" ry="22" fill="#a2a9b0"/><ellipse cx="64" cy="52" rx="11" ry="18" fill="#dfe3e6"/><ellipse cx="64" cy="46" rx="5" ry="7" fill="#8f969d"/>`
  const [wrap, top] = await Promise.all([svgTexture(side, w, h), svgTexture(lid, size, size)])
  const profile = (v: number): number => {
    if (v < 0.07) return radius * (0.84 + 0.16 * smooth(v / 0.07))
    return v > 0.95 ? radius * (1 - 0.16 * smooth((v - 0.95) / 0.05)) : radius
  }
  return [
    { mesh: turned(height, profile, 24), texture: wrap, gloss: 0.75 },
    { mesh: disc(radius * 0.84, height * 0.985, 1), texture: top, gloss: 0.6 },
    { mesh: disc(radius * 0.84, 0, -1), texture: top, gloss: 0.3 },
  ]
}

/** Radii over the largest at heights from the top, straight lines between smoothed. */
const profiles: Readonly<Record<'bottle' | 'jar', readonly (readonly [v: number, radius: number])[]>> = {
  bottle: [
    [0, 0.34],
    [0.1, 0.34],
    [0.105, 0.3],
    [0.16, 0.31],
    [0.34, 1],
    [0.42, 0.97],
    [0.5, 0.97],
    [0.84, 0.97],
    [0.9, 1],
    [0.97, 0.98],
    [1, 0.86],
  ],
  jar: [
    [0, 0.84],
    [0.16, 0.84],
    [0.165, 0.78],
    [0.21, 0.8],
    [0.3, 1],
    [0.93, 1],
    [1, 0.9],
  ],
}

/** Where on the height the label and the cap are, from the top. */
const zones = {
  bottle: { cap: 0.1, label: [0.44, 0.86] },
  jar: { cap: 0.16, label: [0.32, 0.9] },
} as const

async function bottleParts(shape: Of<'bottle' | 'jar'>, design: Design): Promise<readonly Part[]> {
  const { kind, radius, height, liquid, cap } = shape
  const [w, h] = [2 * Math.PI * radius * density, height * density]
  const zone = zones[kind]
  const [labelTop, labelBottom] = [zone.label[0] * h, zone.label[1] * h]
  const ribs = Array.from(
    { length: 40 },
    (_, index) =>
      `<path d="M${(w * index) / 40} 0V${zone.cap * h}" stroke="#000" stroke-opacity=".25" stroke-width="2"/>`,
  )
  const shades = Array.from({ length: 8 }, (_, index) => {
    const y = zone.cap * h + ((h - zone.cap * h) * index) / 8
    return `<rect y="${y}" width="${w}" height="${h / 8}" fill="${index % 2 === 0 ? '#fff' : '#000'}" fill-opacity=".05"/>`
  })
  const content =
    `<rect width="${w}" height="${h}" fill="${liquid}"/>${shades.join('')}` +
    `<rect width="${w}" height="${zone.cap * h}" fill="${cap}"/>${ribs.join('')}` +
    `<rect y="${zone.cap * h}" width="${w}" height="${h * 0.035}" fill="#fff" fill-opacity=".35"/>` +
    `<svg y="${labelTop}" width="${w}" height="${labelBottom - labelTop}" overflow="hidden">${wrapArt(design, w, labelBottom - labelTop)}</svg>`
  const size = 64
  const lid = `<rect width="${size}" height="${size}" fill="${cap}"/><circle cx="32" cy="32" r="24" fill="none" stroke="#fff" stroke-opacity=".3" stroke-width="4"/>`
  const [wrap, top] = await Promise.all([svgTexture(content, w, h), svgTexture(lid, size, size)])
  const profile = (v: number): number => radius * along(profiles[kind], v)
  return [
    { mesh: turned(height, profile, 44), texture: wrap, gloss: 0.6 },
    { mesh: disc(profile(0), height, 1), texture: top, gloss: 0.4 },
    { mesh: disc(profile(1), 0, -1), texture: top, gloss: 0.2 },
  ]
}

async function pouchParts({ width, height, depth }: Of<'pouch'>, design: Design): Promise<readonly Part[]> {
  const [w, h] = [width * density, height * density]
  const seal = h * 0.045
  const crimps = Array.from(
    { length: Math.round(w / 5) },
    (_, index) =>
      `<path d="M${index * 5} 0V${seal}M${index * 5} ${h - seal}V${h}" stroke="#fff" stroke-opacity=".4" stroke-width="1.6"/>`,
  )
  const art =
    frontArt(design, w, h) +
    `<rect width="${w}" height="${seal}" fill="#000" fill-opacity=".22"/><rect y="${h - seal}" width="${w}" height="${seal}" fill="#000" fill-opacity=".22"/>${crimps.join('')}`
  const texture = await svgTexture(art, w, h)
  /** A pillow: thick in the middle, sealed flat above and below, wrinkled towards the seals. */
  const bulge = (u: number, v: number): number => {
    const across = Math.max(0, 1 - (2 * u - 1) ** 4)
    const down = Math.max(0, 1 - Math.abs(2 * v - 1) ** 5)
    const wrinkles = 0.035 * Math.sin(u * 37 + 3 * Math.sin(v * 9)) * Math.abs(2 * v - 1) ** 2
    return (depth / 2) * Math.sqrt(across * down) * (1 + wrinkles) + 0.05
  }
  const x = (u: number, v: number): number => (u - 0.5) * width * (1 - 0.05 * Math.sin(v * Math.PI))
  const face = (sign: 1 | -1): Mesh =>
    patch(28, 32, (u, v): Vector => [sign * x(u, v), height * (1 - v), sign * bulge(u, v)])
  return [
    { mesh: face(1), texture, gloss: 0.5 },
    { mesh: face(-1), texture, gloss: 0.5 },
  ]
}

function along(points: readonly (readonly [number, number])[], v: number): number {
  const next = points.findIndex(([at]) => at >= v)
  if (next <= 0) return points[Math.max(0, next)]![1]
  const [from, low] = points[next - 1]!
  const [to, high] = points[next]!
  return low + (high - low) * smooth((v - from) / (to - from))
}

const smooth = (t: number): number => {
  const inside = Math.max(0, Math.min(1, t))
  return inside * inside * (3 - 2 * inside)
}
