/** Measures the detector on pictures whose objects are boxed. */
import { join } from 'node:path'
import { openDetectorForm } from '@sightline/detector/session.ts'
import { readPicture } from '@sightline/pipeline/pictures.ts'
import type { Work } from '@sightline/pipeline/work.ts'
import type { Corners, CornerTuple } from '@sightline/shared/geometry/boxes.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { readDetector } from '@sightline/shared/inference/models-folder.ts'
import { formText } from '@sightline/shared/inference/precision.ts'
import type { FormOptions } from '@sightline/shared/inference/workers.ts'
import pLimit from 'p-limit'
import { z } from 'zod'
import { detectionMetrics, type PictureResult } from './detection.ts'
import type { Figures } from './figures.ts'
import { boxSchema, readJsonLines, scaledTo } from './json-lines.ts'

const lineSchema = z.object({
  image: z.string(),
  boxes: z.array(boxSchema),
  ignore: z.array(boxSchema).default([]),
})

/** As many and as weak boxes as the metrics look at. */
const everything = { scoreThreshold: 0.025, maxBoxes: 100, wholeFrame: 'never', crop: { width: 1, height: 1 } } as const

/** Pictures held decoded at one time. */
const picturesAtOnce = 8

export interface BoxesEvaluation {
  /** File of JSON lines, and the folder that their paths start from. */
  readonly list: string
  readonly root: string
  /** The models folder. */
  readonly models: string
  readonly workers: FormOptions
  readonly work: Work
}

export async function evaluateBoxes({ list, root, models, workers, work }: BoxesEvaluation): Promise<Figures> {
  const lines = await readJsonLines(list, lineSchema)
  const { form, session } = await openDetectorForm(models, await readDetector(models), everything, workers)
  await using _session = session
  work.tell(formText(form))
  tellExecution([session], work.tell)
  using progress = work.progress('detecting', lines.length)
  const limit = pLimit(picturesAtOnce)
  const results = await Promise.all(
    lines.map((line) =>
      limit(async (): Promise<PictureResult> => {
        // The truth of a picture that can't be read would be missed: the figures would be wrong, so there are none.
        const pixels = await readPicture(join(root, line.image))
        const { boxes } = await session.submit({ pixels }, [pixels.data.buffer])
        progress.advance()
        const scaled = (all: readonly CornerTuple[]): Corners[] => all.map((box) => scaledTo(box, pixels))
        return {
          truth: scaled(line.boxes),
          ignore: scaled(line.ignore),
          found: boxes.map((box) => ({ box, score: box.score })),
        }
      }),
    ),
  )
  return { ...detectionMetrics(results), pictures: results.length }
}
