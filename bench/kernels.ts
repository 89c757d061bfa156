/**
 * `node bench/kernels.ts [--rounds N] [--python PATH] [--json]`: the loops over pixels one by one, beside the plain TypeScript
 * that the tests hold them against, and beside OpenCV on one thread where that Python has it. ms of CPU time, medians.
 */
import { execFile } from 'node:child_process'
import { parseArgs, promisify } from 'node:util'
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
import { machine, median } from './machine.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
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

function timesOf({ from, rect, to, how, isTensor }: Case): { readonly compiled: number; readonly plain: number } {
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

/** Null where the Python, or its OpenCV, is not there. */
async function openCv(): Promise<OpenCv | null> {
  try {
    const { stdout } = await promisify(execFile)(values.python, ['-c', script, JSON.stringify(cases)])
    return JSON.parse(stdout) as OpenCv
  } catch (error) {
    const last = String((error as { stderr?: string }).stderr ?? error)
      .trim()
      .split('\n')
      .at(-1)
    process.stderr.write(`no OpenCV beside it (pip install opencv-python-headless, --python PATH): ${last}\n`)
    return null
  }
}

const found: { readonly ours: ReturnType<typeof timesOf>[]; readonly theirs: OpenCv | null }[] = []
for (let round = 0; round < rounds; round += 1) {
  const theirs = round > 0 && found[0]?.theirs === null ? null : await openCv()
  found.push({ ours: cases.map(timesOf), theirs })
}
const rows = cases.map(({ name }, index) => {
  const compiled = median(found.map(({ ours }) => ours[index]!.compiled))
  const theirs = found.flatMap((round) => round.theirs?.times[index] ?? [])
  const openCvMs = theirs.length === 0 ? null : median(theirs)
  return { name, plain: median(found.map(({ ours }) => ours[index]!.plain)), compiled, openCv: openCvMs }
})
const version = found[0]?.theirs?.version
if (values.json) process.stdout.write(`${JSON.stringify({ machine: machine(), openCv: version ?? null, rows })}\n`)
else {
  process.stdout.write(`${machine()}; ms of CPU time, medians of ${rounds} rounds\n\n`)
  process.stdout.write(
    `| | plain TypeScript | compiled | OpenCV ${version ?? '(not there)'} | compiled ÷ OpenCV |\n|---|---|---|---|---|\n`,
  )
  for (const { name, plain: before, compiled, openCv: ms } of rows) {
    const beside = ms === null ? '– | –' : `${ms.toFixed(2)} | ${(compiled / ms).toFixed(2)}`
    process.stdout.write(`| ${name} | ${before.toFixed(2)} | ${compiled.toFixed(2)} | ${beside} |\n`)
  }
}
