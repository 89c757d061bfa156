/** `sightline status`: what a service says of itself, for people and for scripts. */
import { describe, expect, test } from 'vitest'
import { SightlineError } from '../../shared/errors/errors.ts'
import { silentLogger } from '../../shared/errors/logger.ts'
import { Health } from '../../shared/process/health.ts'
import { openHttpServer, processRoutes } from '../../shared/process/http-server.ts'
import { Metrics } from '../../shared/process/metrics.ts'
import { runCli } from '../harness/cli.ts'
import { freePorts } from '../harness/free-port.ts'

const away = new SightlineError('STATE_UNAVAILABLE', 'Redis does not answer', { retryable: true })

async function serve(health: Health) {
  const routes = processRoutes(health, new Metrics(health))
  const server = await openHttpServer({ host: '127.0.0.1', port: 0, routes, log: silentLogger })
  return { address: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

describe('sightline status', () => {
  test('tells what works and what is away, and ends with 0 where frames are processed', async () => {
    const health = new Health()
    health.phase = 'running'
    health.add({ name: 'kafka', isRequired: true, check: () => Promise.resolve() })
    health.add({ name: 'redis', isRequired: false, check: () => Promise.reject(away) })
    await using server = await serve(health)
    const { code, out } = await runCli('status', server.address)
    expect(code).toBe(0)
    expect(out).toBe('degraded\n  kafka  ok\n  redis  Redis does not answer\n')
    expect((await runCli('status', server.address, '--json')).json()).toMatchObject([{ status: 'degraded' }])
  })

  test('tells what a start waits for, and ends with 1', async () => {
    const health = new Health()
    health.waitingFor = 'Kafka: no broker answers'
    await using server = await serve(health)
    const { code, out } = await runCli('status', server.address)
    expect([code, out]).toEqual([1, 'starting, waiting for Kafka: no broker answers\n'])
  })

  test('says where nobody answers', async () => {
    const [port] = (await freePorts(1)) as [number]
    const { code, err } = await runCli('status', `http://127.0.0.1:${port}`)
    expect(code).toBe(1)
    expect(err).toContain(`no service of Sightline answers at http://127.0.0.1:${port}/readyz`)
  })
})
