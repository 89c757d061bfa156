/** Runs beside the Compose tests: looks whether there is a Docker with the images, and says what was not covered where there is none. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { readCompose } from '../deploy/compose-file.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** What is missing; empty where nothing is. */
    dockerMissing: string
  }
}

const run = promisify(execFile)
const pullWithinMs = 300_000
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
  const answers = await run('docker', ['version', '--format', '{{.Server.Version}}']).then(
    () => true,
    () => false,
  )
  if (!answers) return 'no Docker answers'
  const hasCompose = await run('docker', ['compose', 'version']).then(
    () => true,
    () => false,
  )
  if (!hasCompose) return 'no `docker compose`'
  for (const image of neededImages()) {
    const isThere = await run('docker', ['image', 'inspect', image]).catch(() =>
      run('docker', ['pull', '--quiet', image], { timeout: pullWithinMs }).catch(() => null),
    )
    if (isThere === null) return `no image ${image}, and it can't be pulled`
  }
  return ''
}

/** Of the services that are started without a profile and not built here. */
function neededImages(): readonly string[] {
  const all = Object.values(readCompose().services)
  return all.flatMap(({ image, profiles }) => (profiles === undefined && !image.startsWith('sightline') ? [image] : []))
}
