/** What /livez and /readyz answer: whether the process works, and what it depends on. */
import pTimeout from 'p-timeout'
import { describeError } from '../errors/errors.ts'

export interface Check {
  /** As shown in /readyz and as the label of sightline_dependency_up. */
  readonly name: string
  /** Without it no frame can be processed; where it is not, the service runs on with less. */
  readonly isRequired: boolean
  /** Rejects with what is wrong. */
  readonly check: () => Promise<void>
}

export interface CheckResult {
  readonly name: string
  readonly isRequired: boolean
  /** Null where all is well. */
  readonly problem: string | null
}

export type Phase = 'starting' | 'running' | 'draining'

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not ready' | 'starting' | 'draining'
  /** What the start is waiting for. */
  readonly waitingFor?: string
  readonly checks: readonly CheckResult[]
}

const checkWithinMs = 2000

export class Health {
  phase: Phase = 'starting'
  /** What the start is waiting for; null where it goes on. */
  waitingFor: string | null = null
  readonly #checks: Check[] = []

  add(check: Check): void {
    this.#checks.push(check)
  }

  async readiness(): Promise<Readiness> {
    const checks = await this.results()
    const waiting = this.waitingFor === null ? {} : { waitingFor: this.waitingFor }
    if (this.phase !== 'running') return { status: this.phase, ...waiting, checks }
    const failing = checks.filter(({ problem }) => problem !== null)
    if (failing.length === 0) return { status: 'ready', checks }
    return { status: failing.some(({ isRequired }) => isRequired) ? 'not ready' : 'degraded', checks }
  }

  results(): Promise<readonly CheckResult[]> {
    return Promise.all(
      this.#checks.map(async ({ name, isRequired, check }) => ({ name, isRequired, problem: await problemOf(check) })),
    )
  }
}

async function problemOf(check: () => Promise<void>): Promise<string | null> {
  const message = `no answer within ${checkWithinMs / 1000} s`
  return pTimeout(check(), { milliseconds: checkWithinMs, message }).then(() => null, describeError)
}
