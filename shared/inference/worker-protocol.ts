/** What the pool and its workers say to each other. */
import type { PortableError } from '../errors/portable-error.ts'
import type { Execution } from './execution-providers.ts'
import type { NetworkOutput } from './graph-check.ts'
import type { InputContract } from './model-manifest.ts'

export interface WorkerSetup {
  readonly modelPath: string
  readonly taskUrl: string
  readonly contract: unknown
  readonly threads: number
  readonly executionProviders: readonly string[]
  readonly executionFallback: boolean
  readonly isTimed: boolean
  readonly input: InputContract
  readonly output: NetworkOutput
}

export type ItemAnswer = { readonly output: unknown } | { readonly error: PortableError }

export interface Batch {
  readonly inputs: readonly unknown[]
  /** Buffers of the inputs that were moved to the worker, which frees them. */
  readonly moved: readonly ArrayBuffer[]
}

export type ToWorker = Batch | 'stop'

export type FromWorker =
  /** `msPerPicture`: of runs on the canary, where the worker was to be timed. */
  | { readonly kind: 'ready'; readonly execution: Execution; readonly msPerPicture: number | null }
  | { readonly kind: 'failed'; readonly error: PortableError }
  | { readonly kind: 'answers'; readonly answers: readonly ItemAnswer[] }
