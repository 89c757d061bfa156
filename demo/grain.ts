/** Smooth random fields, for wood, stone, rubber and dirt. */

/** Value noise: 0..1, smooth, with a grid of 1; the same everywhere for the same seed. */
export function valueNoise(x: number, y: number, seed: number): number {
  const [ix, iy] = [Math.floor(x), Math.floor(y)]
  const [fx, fy] = [ease(x - ix), ease(y - iy)]
  const upper = lattice(ix, iy, seed) * (1 - fx) + lattice(ix + 1, iy, seed) * fx
  const lower = lattice(ix, iy + 1, seed) * (1 - fx) + lattice(ix + 1, iy + 1, seed) * fx
  return upper * (1 - fy) + lower * fy
}

/** Several octaves, each half as strong and twice as fine; 0..1. */
export function cloudNoise(x: number, y: number, seed: number, octaves: number): number {
  let [sum, weight] = [0, 0]
  for (let octave = 0, size = 1; octave < octaves; octave += 1, size *= 2) {
    sum += valueNoise(x * size, y * size, seed + octave) / size
    weight += 1 / size
  }
  return sum / weight
}

const ease = (t: number): number => t * t * (3 - 2 * t)

function lattice(x: number, y: number, seed: number): number {
  let mixed = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 4_294_967_296
}
