/** How closely a frame is looked at: what each scene mode sets, and when a frame counts as crowded. Here and nowhere else. Pure. */
import { area } from '@sightline/shared/geometry/boxes.ts'
import type { DetectorInput, DetectorManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { BoxOptions } from './decode.ts'
import type { DetectedBox, Size } from './detected-box.ts'
import type { Grid } from './tiles.ts'

/**
 * `normal` is one look at the whole frame, `dense` looks into tiles too. `auto` does where the whole frame looks crowded, and
 * counts no boxes off where it does not.
 */
export const sceneModes = ['auto', 'normal', 'dense'] as const
export type SceneMode = (typeof sceneModes)[number]

/** What the scene modes come to with one detector. */
export interface Scenes {
  readonly normal: BoxOptions
  readonly dense: BoxOptions
  /** Of a frame that turned out not to be crowded: the threshold of one, the most boxes of the other. */
  readonly auto: BoxOptions
  /** Least score of a box that makes a frame crowded: the detector's own, whatever is asked for. */
  readonly crowdScore: number
  /** Of a dense frame; null is by its size. */
  readonly tiles: Grid | null
}

/** What a deployment puts in place of the detector's defaults, in both modes alike. */
export interface SceneOptions {
  readonly scoreThreshold?: number | undefined
  readonly maxBoxes?: number | undefined
  readonly nmsIou?: number | undefined
  readonly tiles?: Grid | undefined
}

/**
 * Of a dense frame, where the detector's manifest says nothing else; a threshold or an overlap is no higher than the detector's
 * own. Small things score lower, and what is taken for one is looked at by the matcher too; one thing is seen in two tiles, each
 * time a little differently. By `sightline eval --boxes` and `--scenes` of racks and shelves with `--scene dense`,
 * `--detection-threshold`, `--detection-nms-iou` and `--tiles`.
 */
const denseDefaults = { scoreThreshold: 0.3, maxBoxes: 300, nmsIou: 0.55 } as const

export function scenesOf({ defaults }: Pick<DetectorManifest, 'defaults'>, options: SceneOptions): Scenes {
  const { dense: denseOfItsOwn = {}, ...ofItsOwn } = defaults
  const normal = { ...ofItsOwn, ...given(options) }
  const dense = {
    ...ofItsOwn,
    scoreThreshold: Math.min(ofItsOwn.scoreThreshold, denseDefaults.scoreThreshold),
    maxBoxes: Math.max(ofItsOwn.maxBoxes, denseDefaults.maxBoxes),
    nmsIou: Math.min(ofItsOwn.nmsIou, denseDefaults.nmsIou),
    ...given(denseOfItsOwn),
    ...given(options),
  }
  return {
    normal,
    dense,
    auto: { ...normal, maxBoxes: dense.maxBoxes },
    crowdScore: ofItsOwn.scoreThreshold,
    tiles: options.tiles ?? null,
  }
}

const given = ({ scoreThreshold, maxBoxes, nmsIou }: SceneOptions): Partial<BoxOptions> => ({
  ...(scoreThreshold !== undefined && { scoreThreshold }),
  ...(maxBoxes !== undefined && { maxBoxes }),
  ...(nmsIou !== undefined && { nmsIou }),
})

/** A frame with so many small boxes is crowded. Of photographs with one to ten objects none has more than five. */
const crowd = 8
/** Side of a small box, as a share of the frame's: the root of its share of the area. */
const smallSide = 0.2

/** Whether what was seen of the whole frame, suppressed, makes it worth looking closely. */
export function isCrowded(seen: readonly DetectedBox[], frame: Size, { crowdScore }: Scenes): boolean {
  const most = smallSide ** 2 * frame.width * frame.height
  return seen.filter((box) => box.score >= crowdScore && area(box) < most).length >= crowd
}

/** Pixels of the frame for one of the input at which tiles show most; closer, single packages fall into their parts. */
const closeness = 2.25
/** A larger frame is looked at from further away. */
const mostTiles = 16

/**
 * The tiles of a dense frame by its size: at least two in a direction in which it is larger than the network's input, so that
 * it is looked at more closely than as a whole.
 */
export function gridFor(frame: Size, input: Pick<DetectorInput, 'width' | 'height'>): Grid {
  const along = (size: number, one: number, scale: number): number =>
    Math.max(Math.round(size / (scale * one)), size > one ? 2 : 1)
  for (let scale = closeness; ; scale *= 1.1) {
    const columns = along(frame.width, input.width, scale)
    const rows = along(frame.height, input.height, scale)
    if (columns * rows <= mostTiles) return { columns, rows }
  }
}
