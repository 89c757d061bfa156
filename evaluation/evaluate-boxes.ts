/** Measures the detector on pictures whose objects are boxed. */
import { join } from 'node:path'
import { type DetectionOptions, openDetectorForm, type SceneMode } from '@sightline/detector/session.ts'
import { readPicture } from '@sightline/pipeline/pictures.ts'
import type { Work } from '@sightline/pipeline/work.ts'
import { type Corners, type CornerTuple, iou } from '@sightline/shared/geometry/boxes.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { readDetector } from '@sightline/shared/inference/models-folder.ts'
import { formText } from '@sightline/shared/inference/precision.ts'
import type { FormOptions } from '@sightline/shared/inference/workers.ts'
import pLimit from 'p-limit'
import { z } from 'zod'
import { detectionMetrics, type PictureResult } from './detection.ts'
import type { Figures } from './figures.ts'
import { boxSchema, readJsonLines, scaledTo } from './json-lines.ts'
import { MissedBySize } from './sizes.ts'

const lineSchema = z.object({
  image: z.string(),
  boxes: z.array(boxSchema),
  ignore: z.array(boxSchema).default([]),
})

/** As many and as weak boxes as the metrics look at. */
const everything = { scoreThreshold: 0.025, maxBoxes: 100, wholeFrame: 'never' } as const

/** Pictures held decoded at one time. */
const picturesAtOnce = 8

export interface BoxesEvaluation {
  /** File of JSON lines, and the folder that their paths start from. */
  readonly list: string
  readonly root: string
  /** The models folder. */
  readonly models: string
  /** How closely to look, as the detector takes it. */
  readonly scene: SceneMode
  readonly looking: Pick<DetectionOptions, 'tiles' | 'nmsIou'>
  readonly workers: FormOptions
  readonly work: Work
}

/** AP50, AP and recall@100, how many pictures were looked at closely, and which objects the 100 best boxes miss, by size. */
export async function evaluateBoxes(options: BoxesEvaluation): Promise<Figures> {
  const { list, root, models, scene, looking, workers, work } = options
  const lines = await readJsonLines(list, lineSchema)
  const detection = { ...everything, ...looking }
  const { form, session } = await openDetectorForm(models, await readDetector(models), detection, workers)
  await using _session = session
  work.tell(formText(form))
  tellExecution([session], work.tell)
  using progress = work.progress('detecting', lines.length)
  const limit = pLimit(picturesAtOnce)
  const missed = new MissedBySize()
  let dense = 0
  const results = await Promise.all(
    lines.map((line) =>
      limit(async (): Promise<PictureResult> => {
        // The truth of a picture that can't be read would be missed: the figures would be wrong, so there are none.
        const pixels = await readPicture(join(root, line.image))
        const { boxes, look } = await session.submit({ pixels, scene }, [pixels.data.buffer])
        progress.advance()
        if (look.scene === 'dense') dense += 1
        const scaled = (all: readonly CornerTuple[]): Corners[] => all.map((box) => scaledTo(box, pixels))
        const truth = scaled(line.boxes)
        for (const box of truth) {
          missed.count(
            box,
            pixels,
            boxes.some((one) => iou(one, box) >= 0.5),
          )
        }
        return { truth, ignore: scaled(line.ignore), found: boxes.map((box) => ({ box, score: box.score })) }
      }),
    ),
  )
  return { ...detectionMetrics(results), pictures: results.length, dense, ...missed.figures() }
}
