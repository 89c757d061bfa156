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
  readonly input: InputContract
  readonly output: NetworkOutput
}

export type ItemAnswer = { readonly output: unknown } | { readonly error: PortableError }

export type ToWorker = { readonly inputs: readonly unknown[] } | 'stop'

export type FromWorker =
  | { readonly kind: 'ready'; readonly execution: Execution }
  | { readonly kind: 'failed'; readonly error: PortableError }
  | { readonly kind: 'answers'; readonly answers: readonly ItemAnswer[] }
