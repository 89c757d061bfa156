/** Pictures as the tensor a network takes, a run's worth at a time. */
import type { Kernels } from '../imaging/kernels/kernels.ts'
import type { RowTarget } from '../imaging/rows.ts'
import type { InputContract } from './model-manifest.ts'
import type { RunNetwork, Tensor } from './session.ts'
import { InputTensor } from './to-tensor.ts'

export type Outputs = Readonly<Record<string, Tensor>>

/**
 * A function that runs the network on pictures, `input.maxBatch` at a time; `lay` makes each one's rows at the network's
 * size. Gives the outputs of each run, with how many pictures it was of.
 */
export function feeder<Picture>(
  input: InputContract,
  kernels: Kernels,
  lay: (picture: Picture, target: RowTarget) => void,
): (
  pictures: readonly Picture[],
  run: RunNetwork,
) => Promise<readonly { readonly outputs: Outputs; readonly count: number }[]> {
  const tensor = new InputTensor(kernels, input)
  return async (pictures, run) => {
    const most = input.maxBatch ?? pictures.length
    const runs: { outputs: Outputs; count: number }[] = []
    for (let from = 0; from < pictures.length; from += most) {
      const batch = pictures.slice(from, from + most)
      for (const [index, picture] of batch.entries()) lay(picture, tensor.rowsOf(index))
      runs.push({ outputs: await run({ [input.name]: tensor.of(batch.length) }), count: batch.length })
    }
    return runs
  }
}
