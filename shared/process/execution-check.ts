/** Whether a network runs where it was asked to, for /readyz. */
import { SightlineError } from '../errors/errors.ts'
import type { Execution } from '../inference/execution-providers.ts'
import type { Check } from './health.ts'

/** Shows in /readyz where a network does not run on what was asked for. */
export const executionCheck = (session: { readonly execution: Execution }): Check => ({
  name: 'execution-provider',
  isRequired: false,
  async check() {
    const { problem } = session.execution
    if (problem !== null) throw new SightlineError('EXECUTION_PROVIDER', problem)
  },
})
