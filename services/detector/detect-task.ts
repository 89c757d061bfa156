/** What the detector's workers do: resize, run the network, decode its boxes, look closely where it is crowded, cut the crops. */
import type { Box, Look } from '@sightline/shared/contracts/messages.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import { type PixelRect, wholeRect } from '@sightline/shared/imaging/rows.ts'
import { canaryPattern } from '@sightline/shared/inference/canary-pattern.ts'
import { feeder } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectorManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { RunNetwork, Task } from '@sightline/shared/inference/session.ts'
import { cutCrops } from './cut-crops.ts'
import { type Candidates, candidates, statistics } from './decode.ts'
import type { DetectedBox } from './detected-box.ts'
import { type Looking, leastScore, lookAt } from './look.ts'
import { layFrame } from './placement.ts'
import type { SceneMode, Scenes } from './scene.ts'

export interface DetectContract {
  readonly input: DetectorManifest['input']
  readonly output: DetectorManifest['output']
  readonly canary: DetectorManifest['canary']
  readonly scenes: Scenes
  /** When the whole frame is one more box: always (as PaddleClas), when nothing was detected (as PaddleX), or never. */
  readonly wholeFrame: 'always' | 'fallback' | 'never'
  /** Most tiles in one run of the network. */
  readonly tilesPerRun: number
}

export interface DetectInput {
  readonly pixels: Pixels
  /** @default 'normal' */
  readonly scene?: SceneMode
  /** Most pixels that the crops may have together. @default no crops are cut */
  readonly cropPixels?: number
}

export interface DetectOutput {
  readonly boxes: readonly Box[]
  /** One for each box, in order; none where none were asked for. */
  readonly crops: readonly Pixels[]
  readonly look: Look
  /** The least score that a box could have. */
  readonly threshold: number
}

/** A part of a frame. */
interface View {
  readonly pixels: Pixels
  readonly rect: PixelRect
}

export function createTask(contract: DetectContract): Task<DetectInput, DetectOutput> {
  const { input, output, canary, scenes, wholeFrame, tilesPerRun } = contract
  const kernels = new Kernels()
  const feed = feeder<View>(input, kernels, ({ pixels, rect }, target) =>
    layFrame(kernels, pixels, input, target, rect),
  )
  const { topPerLevel } = scenes.normal

  /** What the network sees in each view, in pixels of its frame, from its score on. */
  const seeAll = async (
    views: readonly (View & { readonly scoreThreshold: number })[],
    run: RunNetwork,
  ): Promise<readonly Candidates[]> => {
    const runs = await feed(views, run)
    const answers = runs.flatMap(({ outputs, count }) =>
      Array.from({ length: count }, (_, picture) => ({ outputs, picture })),
    )
    return views.map(({ rect, scoreThreshold }, index) => {
      const { outputs, picture } = answers[index]!
      const size = { width: rect.x2 - rect.x1, height: rect.y2 - rect.y1 }
      const seen = candidates(output, outputs, picture, input, size, { scoreThreshold, topPerLevel })
      return { ...seen, boxes: seen.boxes.map((box) => moved(box, rect.x1, rect.y1)) }
    })
  }

  return {
    async process(batch, run) {
      const first = await seeAll(
        batch.map(({ pixels, scene = 'normal' }) => ({
          pixels,
          rect: wholeRect(pixels),
          scoreThreshold: leastScore(scenes, scene),
        })),
        run,
      )
      const outputs: DetectOutput[] = []
      for (const [index, { pixels, scene = 'normal', cropPixels }] of batch.entries()) {
        const see: Looking['see'] = async (parts, scoreThreshold) => {
          const seen: Candidates[] = []
          for (let from = 0; from < parts.length; from += tilesPerRun) {
            const some = parts.slice(from, from + tilesPerRun)
            seen.push(
              ...(await seeAll(
                some.map((rect) => ({ pixels, rect, scoreThreshold })),
                run,
              )),
            )
          }
          return seen
        }
        const seen = await lookAt({ frame: pixels, scene, scenes, input, whole: first[index]!, see })
        const boxes = withWholeFrame(seen.boxes, pixels, wholeFrame)
        const { scoreThreshold: threshold, maxBoxes } = seen.options
        outputs.push({
          boxes,
          crops: cropPixels === undefined ? [] : cutCrops(kernels, pixels, boxes, cropPixels),
          look: { scene: seen.scene, ...seen.grid, maxBoxes },
          threshold,
        })
      }
      return { outputs, transfer: outputs.flatMap(({ crops }) => crops.map(({ data }) => data.buffer)) }
    },

    async checkCanary(run) {
      const pixels = canaryPattern(input)
      const [answer] = await feed([{ pixels, rect: wholeRect(pixels) }], run)
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
  mode: DetectContract['wholeFrame'],
): Box[] {
  const boxes = detected.map((box) => ({ ...box, wholeFrame: false }))
  const isWanted = mode === 'always' || (mode === 'fallback' && boxes.length === 0)
  return isWanted ? [...boxes, { x1: 0, y1: 0, x2: width, y2: height, score: 0, wholeFrame: true }] : boxes
}

const moved = (box: DetectedBox, x: number, y: number): DetectedBox =>
  x === 0 && y === 0 ? box : { ...box, x1: box.x1 + x, y1: box.y1 + y, x2: box.x2 + x, y2: box.y2 + y }
