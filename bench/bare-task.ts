/** A task that is nothing but its network, on tensors that lie ready: the limit that the pipeline is held against. */
import type { RunNetwork, Task, Tensor } from '../shared/inference/session.ts'

export interface BareContract {
  readonly name: string
  readonly width: number
  readonly height: number
}

export function createTask({ name, width, height }: BareContract): Task<number, number> {
  const size = 3 * width * height
  const ready = new Map<number, Tensor>()
  const tensorOf = (batch: number): Tensor => {
    const known = ready.get(batch)
    if (known !== undefined) return known
    const data = Float32Array.from({ length: batch * size }, (_, index) => Math.sin(index))
    const tensor = { data, dims: [batch, 3, height, width] }
    ready.set(batch, tensor)
    return tensor
  }
  const process = async (batch: readonly number[], run: RunNetwork) => {
    await run({ [name]: tensorOf(batch.length) })
    return { outputs: batch, transfer: [] }
  }
  return { process, checkCanary: async (run) => void (await process([0], run)) }
}
