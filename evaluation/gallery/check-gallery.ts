/** The gallery doctor: looks at every picture of a gallery as if it were a question, and says what the answers tell. */
import type { Work } from '@sightline/pipeline/work.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import type { GalleryCheck } from '@sightline/views/report/check-data.ts'
import { answersOf, calibrate, reliabilityOf } from './calibrate.ts'
import { checkItems, findClose, findDoubtful, findDuplicates } from './doctor.ts'
import { type LeftOut, leaveOneOut } from './leave-one-out.ts'
import { pointAt, suggestItemThresholds, suggestThresholds } from './open-set.ts'

/**
 * `threshold` is the general one in force. Undefined where it was stopped.
 *
 * What it says is true of the gallery's own pictures: cameras see more than these, so that the errors of a threshold are the
 * least to be expected.
 */
export async function checkGallery(
  gallery: Gallery,
  options: {
    readonly location: string
    readonly threshold: number
    /** What cameras see, asked of the gallery: thresholds and probabilities are then told by these, not by its own pictures. */
    readonly asked?: readonly LeftOut[] | undefined
    readonly work: Work
  },
): Promise<GalleryCheck | undefined> {
  const { location, threshold, asked, work } = options
  const info = await gallery.info()
  using progress = work.progress('checking', info.entries)
  const leftOut = await leaveOneOut(gallery, { onPicture: () => progress.advance(), stop: work.stop })
  if (work.stop.aborted) return undefined
  const close = findClose(leftOut)
  const judged = asked ?? leftOut
  const thresholds = suggestThresholds(judged)
  const answers = answersOf(judged)
  const curve = calibrate(answers)
  const enrolled = leftOut.filter(({ own }) => own !== null)
  const right = enrolled.filter(({ own, other }) => own!.score >= (other?.score ?? -1))
  return {
    location,
    info,
    asked: asked === undefined ? null : asked.length,
    recall: enrolled.length === 0 ? null : right.length / enrolled.length,
    items: checkItems(leftOut, close),
    duplicates: findDuplicates(leftOut),
    doubtful: findDoubtful(leftOut),
    close,
    thresholds: {
      current: pointAt(judged, threshold),
      ...thresholds,
      items: thresholds.suggested === null ? [] : suggestItemThresholds(judged, thresholds.suggested.threshold),
    },
    calibration: curve && { ...curve, answers: answers.length, revision: info.revision },
    reliability: reliabilityOf(answers),
  }
}
