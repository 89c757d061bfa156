/** What a network's int8 form loses on the user's own pictures, beside the float form. */
import { openDetectorSession } from '@sightline/detector/session.ts'
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { detectionMetrics } from '@sightline/evaluation/detection.ts'
import { dot, type LabelledVector, retrievalMetrics } from '@sightline/evaluation/retrieval.ts'
import type { LabelledPicture } from '@sightline/pipeline/label-file.ts'
import { readPicture } from '@sightline/pipeline/pictures.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import type { DetectorManifest, EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { cosineFigure } from '@sightline/shared/inference/precision.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import type { WorkerOptions } from '@sightline/shared/inference/workers.ts'
import pLimit from 'p-limit'

export interface Int8Row {
  readonly check: string
  readonly float: number
  readonly int8: number
}

export interface Int8Loss {
  readonly rows: readonly Int8Row[]
  /** Share that is no longer right: of first matches (embedder), of boxes (detector). */
  readonly lost: number
}

export interface Forms<M extends Model> {
  readonly float: M
  readonly int8: M
}

/** Pictures held decoded at one time. */
const picturesAtOnce = 8

/** Pictures that the time is taken on, one by one. */
const timedPictures = 16

/**
 * Of each label every second picture is the gallery, the others are asked. Throws LABELS_UNREADABLE where no label has two
 * pictures: then there is nothing to ask.
 */
export async function embedderLoss(
  { float, int8 }: Forms<Model<EmbedderManifest>>,
  pictures: readonly LabelledPicture[],
  workers: WorkerOptions,
  onPicture: () => void,
): Promise<Int8Loss> {
  const { gallery, queries } = halves(pictures)
  if (queries.length === 0) {
    throw new SightlineError(
      'LABELS_UNREADABLE',
      'what int8 loses is told by pictures of the same label finding each other, and no label has two pictures that can be read',
    )
  }
  const files = [...gallery, ...queries].map(({ file }) => file)
  const measure = async (model: Model<EmbedderManifest>) => {
    await using session = await openEmbedderSession(model, workers)
    const vectors = await answersOf(session, files, onPicture)
    const labelled = [...gallery, ...queries].map(
      ({ label }, index): LabelledVector => ({ label, vector: vectors[index]! }),
    )
    const metrics = retrievalMetrics(labelled.slice(gallery.length), labelled.slice(0, gallery.length))
    return { vectors, metrics, milliseconds: await timeOf(session, files) }
  }
  const [whole, small] = [await measure(float), await measure(int8)]
  const cosines = whole.vectors.map((vector, index) => dot(vector, small.vectors[index]!))
  const row = (check: string, of: (measured: typeof whole) => number): Int8Row => ({
    check,
    float: of(whole),
    int8: of(small),
  })
  return {
    rows: [
      row(`recall@1 of ${queries.length} pictures`, ({ metrics }) => metrics['recall@1']),
      row('mAP', ({ metrics }) => metrics.mAP),
      { check: cosineFigure, float: 1, int8: cosines.toSorted((a, b) => a - b)[cosines.length >> 1]! },
      row('ms a picture', ({ milliseconds }) => milliseconds),
    ],
    lost: whole.metrics['recall@1'] - small.metrics['recall@1'],
  }
}

/** The float form's boxes at its default threshold count as the truth. Throws MODEL_CONTRACT where it finds none. */
export async function detectorLoss(
  { float, int8 }: Forms<Model<DetectorManifest>>,
  files: readonly string[],
  workers: WorkerOptions,
  onPicture: () => void,
): Promise<Int8Loss> {
  const measure = async (model: Model<DetectorManifest>) => {
    const options = { wholeFrame: 'never' } as const
    await using session = await openDetectorSession(model, options, workers)
    const answers = await answersOf(session, files, onPicture)
    const boxes = answers.map((answer) => answer.boxes.map((box) => ({ box, score: box.score })))
    return { boxes, milliseconds: await timeOf(session, files) }
  }
  const [whole, small] = [await measure(float), await measure(int8)]
  const count = whole.boxes.flat().length
  if (count === 0) {
    throw new SightlineError(
      'MODEL_CONTRACT',
      `${float.manifest.name} finds nothing in these pictures, so what int8 loses can't be told: name pictures like your camera's`,
    )
  }
  const metrics = detectionMetrics(
    whole.boxes.map((boxes, index) => ({ truth: boxes.map(({ box }) => box), ignore: [], found: small.boxes[index]! })),
  )
  return {
    rows: [
      { check: `AP50, the float form's ${count} boxes as truth`, float: 1, int8: metrics.AP50 },
      { check: 'share of these boxes found', float: 1, int8: metrics['recall@100'] },
      { check: 'ms a picture', float: whole.milliseconds, int8: small.milliseconds },
    ],
    lost: 1 - metrics.AP50,
  }
}

/** The rows below each other in columns. */
export function int8Table(rows: readonly Int8Row[]): readonly string[] {
  const width = Math.max(...rows.map(({ check }) => check.length))
  const column = (value: string): string => value.padStart(9)
  const line = (check: string, ...values: readonly string[]): string =>
    check.padEnd(width) + values.map(column).join('')
  return [
    line('', 'float', 'int8', 'lost'),
    ...rows.map(({ check, float, int8 }) => {
      const lost = check.startsWith('ms') ? [] : [(float - int8).toFixed(4)]
      return line(check, ...[float, int8].map((value) => value.toFixed(check.startsWith('ms') ? 1 : 4)), ...lost)
    }),
  ]
}

function halves(pictures: readonly LabelledPicture[]) {
  const seen = new Map<string, number>()
  const gallery: LabelledPicture[] = []
  const queries: LabelledPicture[] = []
  for (const picture of pictures) {
    const number = seen.get(picture.label) ?? 0
    seen.set(picture.label, number + 1)
    ;(number % 2 === 0 ? gallery : queries).push(picture)
  }
  return { gallery, queries }
}

async function answersOf<Output>(
  session: Session<{ readonly pixels: Pixels }, Output>,
  files: readonly string[],
  onPicture: () => void,
): Promise<readonly Output[]> {
  const limit = pLimit(picturesAtOnce)
  return await Promise.all(
    files.map((file) =>
      limit(async () => {
        const pixels = await readPicture(file)
        const answer = await session.submit({ pixels }, [pixels.data.buffer])
        onPicture()
        return answer
      }),
    ),
  )
}

/** Median milliseconds from decoded picture to answer. */
async function timeOf(
  session: Session<{ readonly pixels: Pixels }, unknown>,
  files: readonly string[],
): Promise<number> {
  const times: number[] = []
  for (const file of files.slice(0, timedPictures)) {
    const pixels = await readPicture(file)
    const started = performance.now()
    await session.submit({ pixels }, [pixels.data.buffer])
    times.push(performance.now() - started)
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}
