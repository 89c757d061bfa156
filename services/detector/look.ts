/**
 * Looks at a frame as its scene mode says: as a whole, and closely in tiles where that is asked for or worth it. Pure but for
 * the network, which is passed in.
 */
import { nonMaximumSuppression } from '@sightline/shared/geometry/suppress.ts'
import type { PixelRect } from '@sightline/shared/imaging/rows.ts'
import type { DetectorInput } from '@sightline/shared/inference/model-manifest.ts'
import { type BoxOptions, type Candidates, suppress } from './decode.ts'
import type { DetectedBox, Size } from './detected-box.ts'
import { gridFor, isCrowded, type SceneMode, type Scenes } from './scene.ts'
import { type Grid, isWhole, tilesOf } from './tiles.ts'

/** What was seen of a frame, and how. */
export interface Seen {
  /** In pixels of the frame, best score first. */
  readonly boxes: readonly DetectedBox[]
  readonly scene: Exclude<SceneMode, 'auto'>
  readonly grid: Grid
  readonly options: BoxOptions
}

export interface Looking {
  readonly frame: Size
  readonly scene: SceneMode
  readonly scenes: Scenes
  readonly input: DetectorInput
  /** What the network sees in the whole frame, from `leastScore` on. */
  readonly whole: Candidates
  /** What it sees in parts of the frame, in pixels of the frame, from a score on. */
  readonly see: (parts: readonly PixelRect[], leastScore: number) => Promise<readonly Candidates[]>
}

/** From which score on the first look has to tell what it sees. */
export const leastScore = ({ normal, dense, crowdScore }: Scenes, scene: SceneMode): number =>
  scene === 'normal'
    ? normal.scoreThreshold
    : Math.min(dense.scoreThreshold, ...(scene === 'auto' ? [normal.scoreThreshold, crowdScore] : []))

const asAWhole: Grid = { columns: 1, rows: 1 }

export async function lookAt({ frame, scene, scenes, input, whole, see }: Looking): Promise<Seen> {
  const { dense, crowdScore, tiles } = scenes
  if (scene !== 'dense') {
    const options = scenes[scene]
    const crowded = { ...options, scoreThreshold: crowdScore, maxBoxes: Number.POSITIVE_INFINITY }
    // Most frames have not even candidates enough.
    const isDense =
      scene === 'auto' && isCrowded(whole.boxes, frame, scenes) && isCrowded(suppress(whole, crowded), frame, scenes)
    if (!isDense) return { boxes: suppress(whole, options), scene: 'normal', grid: asAWhole, options }
  }
  const grid = tiles ?? gridFor(frame, input)
  const seen = { scene: 'dense', grid, options: dense } as const
  if (grid.columns * grid.rows === 1) return { ...seen, boxes: suppress(whole, dense) }
  const parts = tilesOf(frame, grid)
  const close = (await see(parts, dense.scoreThreshold)).flatMap(({ boxes }, index) =>
    boxes.filter((box) => isWhole(box, parts[index]!, frame)),
  )
  // What no tile sees whole, the first look has seen.
  const large = whole.boxes.filter((box) => parts.every((part) => !isWhole(box, part, frame)))
  const all = [...close, ...large].filter(({ score }) => score >= dense.scoreThreshold)
  const kept = nonMaximumSuppression(all, dense.nmsIou, dense.maxBoxes)
  return { ...seen, boxes: kept.map((index) => all[index]!) }
}
