/**
 * `npm run bench -- kernels`: the loops over pixels one by one, beside the plain TypeScript that the tests hold them against, and
 * beside OpenCV on one thread where there is a Python for it. ms of CPU time, medians.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { layFrame } from '../services/detector/placement.ts'
import { cutCrop } from '../shared/imaging/crop.ts'
import type { Pixels } from '../shared/imaging/decode.ts'
import { Kernels } from '../shared/imaging/kernels/kernels.ts'
import type { Interpolation } from '../shared/imaging/resize.ts'
import { type PixelRect, wholeRect } from '../shared/imaging/rows.ts'
import type { InputContract } from '../shared/inference/model-manifest.ts'
import { InputTensor } from '../shared/inference/to-tensor.ts'
import { noise } from '../test/harness/noise.ts'
import * as plain from '../test/harness/pixels/crop.ts'
import { cropAndResize } from '../test/harness/pixels/resize.ts'
import { normalizationTable, writePlanes } from '../test/harness/pixels/to-tensor.ts'
import { rivalPython } from './official.ts'
import { amount, NotMeasured, type Part, type Ratio, type Row } from './part.ts'
import { median } from './statistics.ts'

/** ms of calls timed together: the CPU time of a thread is told in steps of a few. */
const leastMs = 40
const repeats = 7

interface Case {
  readonly name: string
  readonly from: readonly [number, number]
  readonly rect?: PixelRect
  readonly to: number
  readonly how: Interpolation | 'area'
  readonly isTensor: boolean
}

const cases: readonly Case[] = [
  { name: '1280 x 720 to 640, cubic, planes', from: [1280, 720], to: 640, how: 'cubic', isTensor: true },
  { name: '1280 x 960 to 256, cubic, planes', from: [1280, 960], to: 256, how: 'cubic', isTensor: true },
  { name: '1920 x 1080 to 640, linear, planes', from: [1920, 1080], to: 640, how: 'linear', isTensor: true },
  {
    name: 'crop of 300 x 400 to 224, linear',
    from: [1280, 720],
    rect: { x1: 500, y1: 200, x2: 800, y2: 600 },
    to: 224,
    how: 'linear',
    isTensor: false,
  },
  { name: '1280 x 720 to 224, area', from: [1280, 720], to: 224, how: 'area', isTensor: false },
  { name: '224 x 224 as it is, planes', from: [224, 224], to: 224, how: 'linear', isTensor: true },
]

/** Medians of CPU time, ms a call. */
function time(work: () => void): number {
  const started = performance.now()
  let calls = 0
  for (; performance.now() - started < leastMs; calls += 1) work()
  return median(
    Array.from({ length: repeats }, () => {
      const before = process.threadCpuUsage()
      for (let call = 0; call < calls; call += 1) work()
      const { user, system } = process.threadCpuUsage(before)
      return (user + system) / 1000 / calls
    }),
  )
}

/** One picture after another, as frames come: none is in the caches because it was there last time. */
const picturesOf = ([width, height]: readonly [number, number]): readonly Pixels[] =>
  Array.from({ length: 4 }, (_, seed) => ({ data: noise(width * height * 3, seed), width, height }))

const kernels = new Kernels()

/** ms. */
interface Times {
  readonly compiled: number
  readonly plain: number
}

function timesOf({ from, rect, to, how, isTensor }: Case): Times {
  const pictures = picturesOf(from)
  const interpolation = how === 'area' ? 'linear' : how
  const numbers = { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const
  const size = { width: to, height: to, interpolation } as const
  const input = { name: 'image', layout: 'NCHW', colorOrder: 'RGB', ...size, ...numbers } as unknown as InputContract
  let call = 0
  const next = (): Pixels => pictures[call++ % pictures.length]!
  const own = new Kernels()
  const tensor = new InputTensor(own, input)
  const table = normalizationTable(input)
  const compiled = time(() => {
    const picture = next()
    if (isTensor) layFrame(own, picture, input, tensor.rowsOf(0))
    else cutCrop(kernels, { picture, rect: rect ?? wholeRect(picture), ...size })
  })
  const before = time(() => {
    const picture = next()
    const cut = isTensor ? cropAndResize : plain.cutCrop
    const rgb = cut(picture, rect ?? wholeRect(picture), to, to, interpolation)
    if (isTensor) writePlanes(rgb, table, new Float32Array(to * to * 3), 0)
  })
  return { compiled, plain: before }
}

/** The same with OpenCV, on its shortest way to the same planes. */
const script = `
import json, sys, time
import cv2, numpy as np
cv2.setNumThreads(1)
how = {'linear': cv2.INTER_LINEAR, 'cubic': cv2.INTER_CUBIC, 'area': cv2.INTER_AREA}
calls, repeats = 8, ${repeats}
found = []
table = np.linspace(-2, 2, 256, dtype=np.float32)
for case in json.loads(sys.argv[1]):
    width, height = case['from']
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(4)]
    size, rect = (case['to'], case['to']), case.get('rect')
    resized = np.empty((*size, 3), np.uint8)
    bytes, planes = np.empty((3, *size), np.uint8), np.empty((3, *size), np.float32)
    def work(picture):
        if rect: picture = picture[rect['y1']:rect['y2'], rect['x1']:rect['x2']]
        if picture.shape[:2] != size[::-1]: picture = cv2.resize(picture, size, resized, interpolation=how[case['how']])
        if case['isTensor']:
            cv2.split(picture, list(bytes))
            for plane, into in zip(bytes, planes): cv2.LUT(plane, table, into)
    for picture in pictures: work(picture)
    times = []
    for _ in range(repeats):
        before = time.thread_time()
        for call in range(calls): work(pictures[call % 4])
        times.append((time.thread_time() - before) * 1000 / calls)
    found.append(sorted(times)[repeats // 2])
print(json.dumps({'version': cv2.__version__, 'times': found}))
`

interface OpenCv {
  readonly version: string
  readonly times: readonly number[]
}

export const kernelsPart: Part = {
  name: 'kernels',
  about: 'the loops over pixels, beside OpenCV on one thread and plain TypeScript',
  isUsual: true,
  async measure(options) {
    const python = await rivalPython('onnx', 'onnxruntime, cv2, faiss').catch((error: unknown) => {
      if (!(error instanceof NotMeasured)) throw error
      return error
    })
    const rounds: { readonly ours: readonly Times[]; readonly theirs: OpenCv | null }[] = []
    for (let round = 0; round < amount(options, options.rounds, 5, 3); round += 1) {
      options.tell(`kernels: round ${round + 1}`)
      const theirs = typeof python === 'string' ? await openCv(python) : null
      rounds.push({ ours: cases.map(timesOf), theirs })
    }
    const rows = cases.map(({ name }, index) => {
      const ours = rounds.map((round) => round.ours[index]!)
      const theirs = rounds.flatMap((round) => round.theirs?.times[index] ?? [])
      return rowOf(name, ours, theirs)
    })
    const missing = { name: 'OpenCV', figures: [], missing: typeof python === 'string' ? '' : python.message }
    return typeof python === 'string' ? rows : [...rows, missing]
  },
}

/** Those of OpenCV may be none. */
function rowOf(name: string, ours: readonly Times[], theirs: readonly number[]): Row {
  const share = (of: string, rounds: readonly number[]): Ratio => {
    return { of, by: 'CPU', better: 'more', rounds, isDisturbed: false }
  }
  const plainly = share(
    'plain TypeScript',
    ours.map(({ compiled, plain }) => plain / compiled),
  )
  const beside = share(
    'OpenCV',
    theirs.map((ms, round) => ms / ours[round]!.compiled),
  )
  return {
    name,
    figures: [{ value: median(ours.map(({ compiled }) => compiled)), unit: 'ms CPU' }],
    ratios: theirs.length === 0 ? [plainly] : [beside, plainly],
  }
}

async function openCv(python: string): Promise<OpenCv> {
  const { stdout } = await promisify(execFile)(python, ['-c', script, JSON.stringify(cases)])
  return JSON.parse(stdout) as OpenCv
}
