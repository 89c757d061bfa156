/** A task that is nothing but its network, on tensors that lie ready before anybody looks at the clock. */
import type { RunNetwork, Task, Tensor } from '../shared/inference/session.ts'

export interface BareContract {
  readonly name: string
  /** Without the batch. */
  readonly axes: readonly [number, number, number]
  /** Pictures of one run after the other, again and again. */
  readonly batches: readonly number[]
}

/** An input is how often the batches are wanted, one after the other. */
export function createTask({ name, axes, batches }: BareContract): Task<number, null> {
  const size = axes[0] * axes[1] * axes[2]
  const data = Float32Array.from({ length: Math.max(...batches) * size }, (_, index) => Math.sin(index))
  const tensors = batches.map((batch): Tensor => ({ data: data.subarray(0, batch * size), dims: [batch, ...axes] }))
  const process = async (asked: readonly number[], run: RunNetwork) => {
    for (const times of asked) {
      for (let time = 0; time < times; time += 1) for (const tensor of tensors) await run({ [name]: tensor })
    }
    return { outputs: asked.map(() => null), transfer: [] }
  }
  return { process, checkCanary: async (run) => void (await process([2], run)) }
}
