/** A task that is nothing but its network, on tensors that lie ready before anybody looks at the clock. */
import type { RunNetwork, Task, Tensor } from '../shared/inference/session.ts'

export interface BareContract {
  readonly name: string
  /** Without the batch. */
  readonly axes: readonly [number, number, number]
  readonly batch: number
}

/** An input is how many runs are wanted. */
export function createTask({ name, axes, batch }: BareContract): Task<number, null> {
  const data = Float32Array.from({ length: batch * axes[0] * axes[1] * axes[2] }, (_, index) => Math.sin(index))
  const tensor: Tensor = { data, dims: [batch, ...axes] }
  const process = async (asked: readonly number[], run: RunNetwork) => {
    for (const runs of asked) for (let done = 0; done < runs; done += 1) await run({ [name]: tensor })
    return { outputs: asked.map(() => null), transfer: [] }
  }
  return { process, checkCanary: async (run) => void (await process([2], run)) }
}
