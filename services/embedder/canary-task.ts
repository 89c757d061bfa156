/** Answers the canary of a new embedder, to be recorded in its manifest. */
import { canaryPattern } from '@sightline/shared/inference/canary-pattern.ts'
import type { Task } from '@sightline/shared/inference/session.ts'
import { type EmbedContract, embedWith } from './embed-task.ts'

export function createTask(contract: Omit<EmbedContract, 'canary'>): Task<null, readonly number[]> {
  const embed = embedWith(contract)
  return {
    async process(_batch, run) {
      const [vector] = await embed([canaryPattern(contract.input)], run)
      return { outputs: [Array.from(vector!)], transfer: [] }
    },
    // There is nothing to compare with yet.
    checkCanary: () => Promise.resolve(),
  }
}
