/** What the pool and its workers say to each other. */
import type { PortableError } from '../service/portable-error.ts'

export interface WorkerSetup {
  readonly modelPath: string
  readonly taskUrl: string
  readonly contract: unknown
  readonly threads: number
  readonly executionProviders: readonly string[]
  readonly inputName: string
  /** [channels, height, width] */
  readonly inputShape: readonly number[]
  readonly outputNames: readonly string[]
}

export type ItemAnswer = { readonly output: unknown } | { readonly error: PortableError }

export type ToWorker = { readonly inputs: readonly unknown[] } | 'stop'

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: PortableError }
  | { readonly kind: 'answers'; readonly answers: readonly ItemAnswer[] }
