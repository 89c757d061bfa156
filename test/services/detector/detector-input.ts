/** A detector's input contract of a size, for tests of what surrounds the network. */
import type { DetectorInput } from '../../../shared/inference/model-manifest.ts'

export const detectorInput = (
  width: number,
  height: number,
  letterbox?: NonNullable<DetectorInput['letterbox']>,
): DetectorInput => ({
  name: 'image',
  width,
  height,
  layout: 'NCHW',
  colorOrder: 'RGB',
  interpolation: 'linear',
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  ...(letterbox === undefined ? {} : { letterbox }),
})
