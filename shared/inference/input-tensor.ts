/** Pictures at the network's size as the tensor it takes. */

import { axesOf } from './graph-check.ts'
import type { InputContract } from './model-manifest.ts'
import type { RunNetwork, Tensor } from './session.ts'
import { normalizationTable, writePixels, writePlanes } from './to-tensor.ts'

export type Outputs = Readonly<Record<string, Tensor>>

/**
 * A function that runs the network on pictures of height · width · 3 bytes of RGB, `input.maxBatch` at a time. Gives
 * the outputs of each run, with how many pictures it was of.
 */
export function feeder(
  input: InputContract,
): (
  pictures: readonly Uint8Array[],
  run: RunNetwork,
) => Promise<readonly { readonly outputs: Outputs; readonly count: number }[]> {
  const table = normalizationTable(input)
  const axes = axesOf(input)
  const size = axes[0] * axes[1] * axes[2]
  const write = input.layout === 'NCHW' ? writePlanes : writePixels
  return async (pictures, run) => {
    const most = input.maxBatch ?? pictures.length
    const runs: { outputs: Outputs; count: number }[] = []
    for (let from = 0; from < pictures.length; from += most) {
      const batch = pictures.slice(from, from + most)
      const data = new Float32Array(batch.length * size)
      for (const [index, rgb] of batch.entries()) write(rgb, table, data, index * size)
      runs.push({ outputs: await run({ [input.name]: { data, dims: [batch.length, ...axes] } }), count: batch.length })
    }
    return runs
  }
}
