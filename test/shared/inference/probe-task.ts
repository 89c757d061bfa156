/** A task that does what it is told, to try the pool with: run in the pool's workers. */
import type { RunNetwork, Task } from '../../../shared/inference/session.ts'

export type Probe =
  | { readonly kind: 'echo'; readonly value: number; readonly bytes?: Uint8Array }
  | { readonly kind: 'throw' }
  | { readonly kind: 'die' }
  | { readonly kind: 'spin'; readonly ms: number }
  | { readonly kind: 'wait'; readonly ms: number }

export interface ProbeAnswer {
  readonly value: number
  /** How many inputs ran together. */
  readonly batch: number
}

export function createTask(contract: { readonly canary: 'good' | 'bad' }): Task<Probe, ProbeAnswer> {
  return {
    async process(batch: readonly Probe[], _run: RunNetwork) {
      for (const probe of batch) {
        if (probe.kind === 'throw') throw new Error('this input can not be computed')
        if (probe.kind === 'die') process.exit(1)
        if (probe.kind === 'wait') await new Promise((resolve) => setTimeout(resolve, probe.ms))
        if (probe.kind === 'spin') for (const end = performance.now() + probe.ms; performance.now() < end; );
      }
      return {
        outputs: batch.map((probe) => ({ value: probe.kind === 'echo' ? probe.value : -1, batch: batch.length })),
        transfer: [],
      }
    },
    async checkCanary() {
      if (contract.canary === 'bad') throw new Error('the canary is silent')
    },
  }
}
