/** Answers the canary of a new detector, to be recorded in its manifest. */
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import { canaryPattern } from '@sightline/shared/inference/canary-pattern.ts'
import { feeder } from '@sightline/shared/inference/input-tensor.ts'
import type { DetectorManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { Task } from '@sightline/shared/inference/session.ts'
import { statistics } from './decode.ts'
import { layFrame } from './placement.ts'

export type CanaryContract = Pick<DetectorManifest, 'input' | 'output'>

export function createTask({ input, output }: CanaryContract): Task<null, readonly number[]> {
  const kernels = new Kernels()
  const feed = feeder<Pixels>(input, kernels, (pixels, target) => layFrame(kernels, pixels, input, target))
  return {
    async process(_batch, run) {
      const [answer] = await feed([canaryPattern(input)], run)
      return { outputs: [statistics(output, answer!.outputs, input)], transfer: [] }
    },
    // There is nothing to compare with yet.
    checkCanary: () => Promise.resolve(),
  }
}
