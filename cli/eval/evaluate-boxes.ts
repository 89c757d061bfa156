/** Measures the detector on pictures whose objects are boxed. */
import { join } from 'node:path'
import { openDetectorSession } from '@sightline/detector/session.ts'
import pLimit from 'p-limit'
import { z } from 'zod'
import type { Terminal, Values } from '../command.ts'
import { readPicture } from '../pictures.ts'
import { detectorOf, tellExecution, workersFor } from '../recognition-flags.ts'
import { openProgress } from '../terminal/progress.ts'
import { type BoxCorners, detectionMetrics, type PictureResult } from './detection.ts'
import { boxSchema, readJsonLines } from './json-lines.ts'

const lineSchema = z.object({
  image: z.string(),
  boxes: z.array(boxSchema),
  ignore: z.array(boxSchema).default([]),
})

/** As many and as weak boxes as the metrics look at. */
const everything = { scoreThreshold: 0.025, maxBoxes: 100, wholeFrame: 'never', crop: { width: 1, height: 1 } } as const

/** Pictures held decoded at one time. */
const picturesAtOnce = 8

export async function evaluateBoxes(
  list: string,
  root: string,
  values: Values,
  terminal: Terminal,
): Promise<Readonly<Record<string, number>>> {
  const lines = await readJsonLines(list, lineSchema)
  const detector = await detectorOf(values)
  await using session = await openDetectorSession(detector, everything, workersFor(values))
  tellExecution([session], terminal)
  using progress = openProgress(terminal, 'detecting', lines.length)
  const limit = pLimit(picturesAtOnce)
  const results = await Promise.all(
    lines.map((line) =>
      limit(async (): Promise<PictureResult> => {
        // The truth of a picture that can't be read would be missed: the figures would be wrong, so there are none.
        const pixels = await readPicture(join(root, line.image))
        const { width, height } = pixels
        const { boxes } = await session.submit({ pixels }, [pixels.data.buffer])
        progress.advance()
        const scaled = (all: readonly BoxCorners[]): BoxCorners[] =>
          all.map(([x1, y1, x2, y2]) => [x1 * width, y1 * height, x2 * width, y2 * height])
        return {
          truth: scaled(line.boxes),
          ignore: scaled(line.ignore),
          found: boxes.map(({ x1, y1, x2, y2, score }) => ({ box: [x1, y1, x2, y2], score })),
        }
      }),
    ),
  )
  return { ...detectionMetrics(results), pictures: results.length }
}
