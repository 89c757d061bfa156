/** The compiled kernels give the same bytes as the plain TypeScript in test/harness/pixels, and are what their source compiles to. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { toNetworkSize } from '../../../services/detector/placement.ts'
import { cutCrop, cutRows } from '../../../shared/imaging/crop.ts'
import type { Pixels } from '../../../shared/imaging/decode.ts'
import { Kernels } from '../../../shared/imaging/kernels/kernels.ts'
import { type Cut, cropAndResize, resizeRows } from '../../../shared/imaging/resize.ts'
import { wholeRect } from '../../../shared/imaging/rows.ts'
import type { InputContract } from '../../../shared/inference/model-manifest.ts'
import { InputTensor } from '../../../shared/inference/to-tensor.ts'
import { noise } from '../../harness/noise.ts'
import * as plain from '../../harness/pixels/crop.ts'
import { cropAndResize as plainResize } from '../../harness/pixels/resize.ts'
import { normalizationTable, writePixels, writePlanes } from '../../harness/pixels/to-tensor.ts'

/** Repeatable whole numbers of 0 … below `end`. */
function dice(seed: number): (end: number) => number {
  const bytes = noise(1 << 16, seed)
  let at = 0
  return (end) => {
    const value = bytes[at]! * 65_536 + bytes[at + 1]! * 256 + bytes[at + 2]!
    at = (at + 3) % (bytes.length - 3)
    return value % end
  }
}

function picture(width: number, height: number, seed: number): Pixels {
  return { data: noise(width * height * 3, seed), width, height }
}

/** A picture, a part of it and a size: all small, but for one side that may be long. */
function randomCut(roll: (end: number) => number, seed: number): Cut {
  const side = (): number => 1 + roll([3, 20, 90, 400, 1400][roll(5)]!)
  const of = picture(side(), side(), seed)
  const x1 = roll(3) === 0 ? 0 : roll(of.width)
  const y1 = roll(3) === 0 ? 0 : roll(of.height)
  const x2 = roll(3) === 0 ? of.width : x1 + 1 + roll(of.width - x1)
  const y2 = roll(3) === 0 ? of.height : y1 + 1 + roll(of.height - y1)
  const interpolation = roll(2) === 0 ? 'linear' : 'cubic'
  return { picture: of, rect: { x1, y1, x2, y2 }, width: side(), height: side(), interpolation }
}

const plainly = (
  how: typeof plainResize,
  { picture: of, rect, width, height, interpolation }: Cut,
): Uint8Array<ArrayBuffer> => how(of, rect, width, height, interpolation)

const differs = (found: ArrayLike<number>, expected: ArrayLike<number>): boolean =>
  found.length !== expected.length || Array.prototype.some.call(found, (value, index) => value !== expected[index])

const kernels = new Kernels()
const cuts = 300

describe('random pictures, parts and sizes', () => {
  test('are resized to the same bytes', () => {
    const roll = dice(1)
    for (let seed = 0; seed < cuts; seed += 1) {
      const cut = randomCut(roll, seed)
      expect(differs(cropAndResize(kernels, cut), plainly(plainResize, cut)), JSON.stringify({ ...cut, seed })).toBe(
        false,
      )
    }
  })

  test('are cut to the same bytes, averaged where they shrink a lot', () => {
    const roll = dice(2)
    for (let seed = 0; seed < cuts; seed += 1) {
      const cut = randomCut(roll, seed)
      const name = JSON.stringify({ ...cut, seed })
      expect(differs(cutCrop(kernels, cut), plainly(plain.cutCrop, cut)), name).toBe(false)
    }
  })

  test.each([
    ['NCHW', 'RGB'],
    ['NCHW', 'BGR'],
    ['NHWC', 'RGB'],
    ['NHWC', 'BGR'],
  ] as const)('are the same tensor of %s and %s, each in its place of a run', (layout, colorOrder) => {
    const roll = dice(3)
    const numbers = { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const
    for (let seed = 0; seed < 40; seed += 1) {
      const first = randomCut(roll, seed)
      const input: InputContract = {
        name: 'image',
        ...first,
        ...numbers,
        layout,
        colorOrder,
        mean: [0.4, 0.5, 0.6],
        std: [0.2, 0.3, 0.1],
      }
      const own = new Kernels()
      const tensor = new InputTensor(own, input)
      const size = input.width * input.height * 3
      const expected = new Float32Array(3 * size)
      for (let number = 0; number < 3; number += 1) {
        const cut = { ...randomCut(roll, seed + number), width: input.width, height: input.height }
        cutRows(own, cut, tensor.rowsOf(number))
        const write = layout === 'NCHW' ? writePlanes : writePixels
        write(plainly(plain.cutCrop, cut), normalizationTable(input), expected, number * size)
      }
      expect(tensor.of(3).dims).toEqual(
        layout === 'NCHW' ? [3, 3, input.height, input.width] : [3, input.height, input.width, 3],
      )
      expect(differs(tensor.of(3).data, expected), JSON.stringify(input)).toBe(false)
    }
  })
})

describe('sides that are far apart', () => {
  test.each([
    [40_000, 3, 'linear'],
    [40_000, 3, 'cubic'],
    [3, 40_000, 'cubic'],
    [70_001, 1, 'linear'],
    [1, 70_001, 'linear'],
  ] as const)('%i x %i, %s: a picture passes in strips, without a seam', (width, height, interpolation) => {
    const whole = picture(width, height, 5)
    for (const size of [
      { width: 64, height: 48 },
      { width: 20_000, height: 2 },
      { width: 5, height: 9000 },
    ]) {
      const cut = { picture: whole, rect: wholeRect(whole), ...size, interpolation }
      expect(differs(cropAndResize(kernels, cut), plainly(plainResize, cut))).toBe(false)
      expect(differs(cutCrop(kernels, cut), plainly(plain.cutCrop, cut))).toBe(false)
    }
  })

  test.each([
    [8000, 2000],
    [16_000_000, 1],
    [1, 16_000_000],
  ])('%i x %i: a large frame leaves a few megabytes behind, not its own size', (width, height) => {
    const whole = { data: new Uint8Array(width * height * 3).fill(7), width, height }
    const own = new Kernels()
    const cut = { picture: whole, rect: wholeRect(whole), width: 224, height: 224, interpolation: 'cubic' } as const
    expect(new Set(cutCrop(own, cut))).toEqual(new Set([7]))
    expect(new Set(cropAndResize(own, { ...cut, width: 640, height: 640 }))).toEqual(new Set([7]))
    expect(own.bytes.length).toBeLessThan(8 * 2 ** 20)
  })
})

test('the largest batch stands where the first one did, and what is cut beside it leaves it alone', () => {
  const own = new Kernels()
  const input: InputContract = {
    name: 'image',
    width: 64,
    height: 64,
    layout: 'NCHW',
    colorOrder: 'RGB',
    interpolation: 'cubic',
    scale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  }
  const tensor = new InputTensor(own, input)
  const whole = picture(100, 80, 9)
  const cut = { picture: whole, rect: wholeRect(whole), width: 64, height: 64, interpolation: 'cubic' } as const
  resizeRows(own, cut, tensor.rowsOf(0))
  const before = tensor.of(1).data.slice()
  resizeRows(own, cut, tensor.rowsOf(7))
  cropAndResize(own, { ...cut, width: 500, height: 500 })
  expect(differs(tensor.of(1).data, before)).toBe(false)
})

test('a letterboxed frame lies in the same grey whichever frame was there before', () => {
  const letterbox = { pad: 114, at: 'centre' } as const
  const input = {
    name: 'image',
    width: 64,
    height: 64,
    layout: 'NHWC',
    colorOrder: 'RGB',
    interpolation: 'linear',
    scale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
    letterbox,
  } as unknown as Parameters<typeof toNetworkSize>[2]
  const [wide, tall] = [picture(90, 20, 1), picture(20, 90, 2)]
  const fresh = toNetworkSize(new Kernels(), tall, input)
  const used = new Kernels()
  toNetworkSize(used, wide, input)
  expect(toNetworkSize(used, tall, input)).toEqual(fresh)
})

const folder = new URL('../../../shared/imaging/kernels/', import.meta.url)

test('the committed bytes are those that the pinned compiler makes of the source', { timeout: 120_000 }, async () => {
  const made = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'kernels.wasm')
  const compiler = fileURLToPath(import.meta.resolve('assemblyscript/bin/asc.js'))
  const config = fileURLToPath(new URL('asconfig.json', folder))
  await promisify(execFile)(process.execPath, [compiler, '--config', config, '--outFile', made])
  expect(await readFile(made)).toEqual(await readFile(new URL('kernels.wasm', folder)))
})
