/** Runs beside the Compose tests: looks whether there is a Docker with the images, and says what was not covered where there is none. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { readCompose } from '../deploy/compose-file.ts'
import { fetchImage, noDocker } from '../harness/container.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** What is missing; empty where nothing is. */
    dockerMissing: string
  }
}

const answersWithinMs = 20_000
const required = (process.env['REQUIRE_SERVICES'] ?? '').split(',').includes('docker')

/** Vitest's global set-up. */
export async function setup(project: TestProject): Promise<() => void> {
  const missing = await dockerMissing()
  if (missing !== '' && required) throw new Error(`REQUIRE_SERVICES asks for docker: ${missing}`)
  project.provide('dockerMissing', missing)
  return () => {
    if (missing !== '') process.stdout.write(`not covered: docker compose: ${missing}\n`)
  }
}

async function dockerMissing(): Promise<string> {
  const missing = (await noCommand()) ?? (await noDocker())
  if (missing !== null) return missing
  for (const image of neededImages()) {
    const problem = await fetchImage(image)
    if (problem !== null) return problem
  }
  return ''
}

/** Null where the `docker` that the tests call has Compose, and reaches a daemon; else what is missing. */
async function noCommand(): Promise<string | null> {
  const isThere = (...args: readonly string[]): Promise<boolean> =>
    promisify(execFile)('docker', args, { timeout: answersWithinMs }).then(
      () => true,
      () => false,
    )
  if (!(await isThere('version'))) return 'no Docker answers'
  return (await isThere('compose', 'version')) ? null : 'no `docker compose`'
}

/** Of the services that are started without a profile and not built here. */
function neededImages(): readonly string[] {
  const all = Object.values(readCompose().services)
  return all.flatMap(({ image, profiles }) => (profiles === undefined && !image.startsWith('sightline') ? [image] : []))
}
