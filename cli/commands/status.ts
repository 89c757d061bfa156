/** `sightline status`: what a running service says of itself. */

import { describeError } from '@sightline/shared/errors/errors.ts'
import { processSettings } from '@sightline/shared/process/process-settings.ts'
import { z } from 'zod'
import { type Command, flag } from '../command.ts'
import { readFlags } from '../flags.ts'

const withinMs = 10_000

/** What /readyz answers (shared/process/health.ts). */
const readinessSchema = z.object({
  status: z.enum(['ready', 'degraded', 'not ready', 'starting', 'draining']),
  waitingFor: z.string().optional(),
  checks: z.array(z.object({ name: z.string(), isRequired: z.boolean(), problem: z.string().nullable() })),
})

export const statusCommand: Command = {
  name: 'status',
  summary: 'show whether a service works, what it waits for and what is away',
  help: `Usage: sightline status [ADDRESS] [OPTIONS]

ADDRESS is where the service answers (default: http://localhost and SIGHTLINE_HTTP_PORT). Exit code 0 where it works, also
degraded; 1 where it does not.

  --json                  what /readyz answers

Example: docker compose exec detector sightline status`,
  options: { json: { type: 'boolean' } },

  async run(values, [address], terminal) {
    const { httpPort } = await readFlags(processSettings, values, terminal)
    const url = new URL('/readyz', address ?? `http://localhost:${httpPort}`)
    const readiness = await ask(url).catch((error: unknown) => {
      terminal.err(`no service of Sightline answers at ${url}: ${describeError(error)}`)
    })
    if (readiness === undefined) return 1
    if (flag(values, 'json')) terminal.out(JSON.stringify(readiness))
    else for (const line of linesOf(readiness)) terminal.out(line)
    return ['ready', 'degraded'].includes(readiness.status) ? 0 : 1
  },
}

const ask = async (url: URL): Promise<z.infer<typeof readinessSchema>> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(withinMs) })
  return readinessSchema.parse(await response.json())
}

function linesOf({ status, waitingFor, checks }: z.infer<typeof readinessSchema>): readonly string[] {
  const width = Math.max(0, ...checks.map(({ name }) => name.length))
  return [
    waitingFor === undefined ? status : `${status}, waiting for ${waitingFor}`,
    ...checks.map(({ name, problem }) => `  ${name.padEnd(width)}  ${problem ?? 'ok'}`),
  ]
}
