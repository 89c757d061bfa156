/** What the detector's workers do: resize, run the network, decode its boxes, cut the crops from the full-resolution frame. */
import type { Box } from '@sightline/shared/contracts/messages.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import { cropAndResize, type PixelRect, wholeRect } from '@sightline/shared/imaging/resize.ts'
import { normalizationTable, writePlanes } from '@sightline/shared/imaging/to-tensor.ts'
import { canaryPattern } from '@sightline/shared/inference/canary-pattern.ts'
import type { DetectorManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { RunNetwork, Task, Tensor } from '@sightline/shared/inference/session.ts'
import { SightlineError } from '@sightline/shared/service/errors.ts'
import { decodePicodet, type PicodetOptions } from './picodet.ts'

export interface DetectContract {
  readonly input: DetectorManifest['input']
  readonly output: DetectorManifest['output']
  readonly canary: DetectorManifest['canary']
  readonly options: PicodetOptions & {
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
  const { input, output, options } = contract
  const table = normalizationTable(input)
  const planes = 3 * input.width * input.height

  /** Network input of pictures that are at its size already. */
  const heads = async (pictures: readonly Uint8Array[], run: RunNetwork): Promise<readonly Tensor[]> => {
    const data = new Float32Array(pictures.length * planes)
    for (const [index, rgb] of pictures.entries()) writePlanes(rgb, table, data, index * planes)
    const found = await run({ [input.name]: { data, dims: [pictures.length, 3, input.height, input.width] } })
    return output.heads.map((name) => found[name]!)
  }

  return {
    async process(batch, run) {
      const { width, height, interpolation } = input
      const resized = batch.map(({ pixels }) => cropAndResize(pixels, wholeRect(pixels), width, height, interpolation))
      const levels = await heads(resized, run)
      const outputs = batch.map(({ pixels }, index): DetectOutput => {
        const detected = decodePicodet(levels, index, output, input, pixels, options)
        const boxes = withWholeFrame(detected, pixels, options.wholeFrame)
        return { boxes, crops: boxes.map((box) => cutCrop(pixels, box, options)) }
      })
      return { outputs, transfer: outputs.flatMap(({ crops }) => crops.map(({ data }) => data.buffer)) }
    },

    async checkCanary(run) {
      const levels = await heads([canaryPattern(input.width, input.height)], run)
      for (const [level, head] of levels.entries()) {
        const expected = contract.canary.meanSigmoid[level] ?? Number.NaN
        const found = meanSigmoid(head)
        if (!(Math.abs(found - expected) <= contract.canary.tolerance)) {
          throw new SightlineError(
            'MODEL_CANARY',
            `the detector answers its canary with a mean score of ${found.toFixed(4)} on level ${level}, recorded is ${expected.toFixed(4)}: the weights, the runtime or the execution provider compute something else; run 'sightline models verify'`,
          )
        }
      }
    },
  }
}

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
function cutCrop(pixels: Pixels, box: Box, { cropWidth, cropHeight }: DetectContract['options']): Pixels {
  const x1 = Math.min(Math.trunc(box.x1), pixels.width - 1)
  const y1 = Math.min(Math.trunc(box.y1), pixels.height - 1)
  const rect: PixelRect = { x1, y1, x2: Math.max(Math.trunc(box.x2), x1 + 1), y2: Math.max(Math.trunc(box.y2), y1 + 1) }
  const data = cropAndResize(pixels, rect, cropWidth, cropHeight, 'linear')
  return { data, width: cropWidth, height: cropHeight }
}

/** Mean of the class scores of the first picture. */
function meanSigmoid({ data, dims }: Tensor): number {
  const cells = (dims[2] ?? 0) * (dims[3] ?? 0)
  let sum = 0
  for (let cell = 0; cell < cells; cell += 1) sum += 1 / (1 + Math.exp(-data[cell]!))
  return sum / cells
}
