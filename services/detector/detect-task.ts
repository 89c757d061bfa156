/** What the detector's workers do: resize, run the network, decode its boxes, cut the crops from the full-resolution frame. */
import type { Box } from '@sightline/shared/contracts/messages.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { cutCrop } from '@sightline/shared/imaging/crop.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import type { PixelRect } from '@sightline/shared/imaging/rows.ts'
import { canaryPattern } from '@sightline/shared/inference/canary-pattern.ts'
import { feeder } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectorManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { Task } from '@sightline/shared/inference/session.ts'
import { type BoxOptions, decode, statistics } from './decode.ts'
import { layFrame } from './placement.ts'

export interface DetectContract {
  readonly input: DetectorManifest['input']
  readonly output: DetectorManifest['output']
  readonly canary: DetectorManifest['canary']
  readonly options: BoxOptions & {
    /** When the whole frame is one more box: always (as PaddleClas), when nothing was detected (as PaddleX), or never. */
    readonly wholeFrame: 'always' | 'fallback' | 'never'
    readonly cropWidth: number
    readonly cropHeight: number
  }
}

export interface DetectInput {
  readonly pixels: Pixels
}

export interface DetectOutput {
  readonly boxes: readonly Box[]
  /** One for each box, in order. */
  readonly crops: readonly Pixels[]
}

export function createTask(contract: DetectContract): Task<DetectInput, DetectOutput> {
  const { input, output, canary, options } = contract
  const kernels = new Kernels()
  const feed = feeder(input, kernels, (pixels, target) => layFrame(kernels, pixels, input, target))

  return {
    async process(batch, run) {
      const runs = await feed(
        batch.map(({ pixels }) => pixels),
        run,
      )
      const answers = runs.flatMap(({ outputs, count }) =>
        Array.from({ length: count }, (_, picture) => ({ outputs, picture })),
      )
      const outputs = batch.map(({ pixels }, index): DetectOutput => {
        const { outputs: found, picture } = answers[index]!
        const detected = decode(output, found, picture, input, pixels, options)
        const boxes = withWholeFrame(detected, pixels, options.wholeFrame)
        return { boxes, crops: boxes.map((box) => cropOf(kernels, pixels, box, options)) }
      })
      return { outputs, transfer: outputs.flatMap(({ crops }) => crops.map(({ data }) => data.buffer)) }
    },

    async checkCanary(run) {
      const [answer] = await feed([canaryPattern(input)], run)
      const recorded = 'meanSigmoid' in canary ? canary.meanSigmoid : canary.statistics
      for (const [index, found] of statistics(output, answer!.outputs, input).entries()) {
        const expected = recorded[index] ?? Number.NaN
        if (!(Math.abs(found - expected) <= canary.tolerance)) {
          throw new SightlineError(
            'MODEL_CANARY',
            `the detector answers its canary with ${found.toFixed(4)} where ${expected.toFixed(4)} is recorded (${whatOf(output.kind, index)}): the weights, the runtime or the execution provider compute something else; run 'sightline models verify'`,
          )
        }
      }
    },
  }
}

const whatOf = (kind: DetectContract['output']['kind'], index: number): string =>
  kind === 'picodet' ? `mean score of level ${index}` : (['mean score', 'mean width', 'mean height'][index] ?? '')

function withWholeFrame(
  detected: readonly Omit<Box, 'wholeFrame'>[],
  { width, height }: Pixels,
  mode: DetectContract['options']['wholeFrame'],
): Box[] {
  const boxes = detected.map((box) => ({ ...box, wholeFrame: false }))
  const isWanted = mode === 'always' || (mode === 'fallback' && boxes.length === 0)
  return isWanted ? [...boxes, { x1: 0, y1: 0, x2: width, y2: height, score: 0, wholeFrame: true }] : boxes
}

/** The reference cuts at whole pixels, rounded towards zero. */
function cropOf(
  kernels: Kernels,
  picture: Pixels,
  box: Box,
  { cropWidth: width, cropHeight: height }: DetectContract['options'],
): Pixels {
  const x1 = Math.min(Math.trunc(box.x1), picture.width - 1)
  const y1 = Math.min(Math.trunc(box.y1), picture.height - 1)
  const rect: PixelRect = { x1, y1, x2: Math.max(Math.trunc(box.x2), x1 + 1), y2: Math.max(Math.trunc(box.y2), y1 + 1) }
  return { data: cutCrop(kernels, { picture, rect, width, height, interpolation: 'linear' }), width, height }
}
