/** A service whose network can't run where it should: it ends, or runs on the CPU where that was allowed, and says so. */
import { describe, expect, test } from 'vitest'
import { Deployment } from '../harness/deployment.ts'
import { startService } from '../harness/service-process.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('an execution provider that is not there', { timeout: 120_000 }, () => {
  test('ends the service, or is fallen back from in plain sight', async () => {
    await using deployment = await Deployment.open({ brokers: kafka!.brokers })
    const env = {
      SIGHTLINE_KAFKA_BROKERS: kafka!.brokers.join(','),
      SIGHTLINE_TOPIC_PREFIX: deployment.prefix,
      SIGHTLINE_EXECUTION_PROVIDERS: 'no-such-thing',
      SIGHTLINE_WORKERS: '1',
    }
    const refused = await startService('embedder', env)
    expect(await refused.child.exited).toBe(1)
    expect(refused.child.output()).toContain('onnxruntime has no no-such-thing here')

    await using embedder = await startService('embedder', { ...env, SIGHTLINE_EXECUTION_FALLBACK: 'true' })
    await embedder.ready
    const { status, text } = await embedder.get('/readyz')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      status: 'degraded',
      checks: expect.arrayContaining([
        {
          name: 'execution-provider',
          isRequired: false,
          problem: expect.stringContaining('asked for no-such-thing, runs on cpu'),
        },
      ]),
    })
    const metrics = await embedder.get('/metrics')
    expect(metrics.text).toContain('sightline_execution_provider{stage="embedder",provider="cpu"} 1')
    expect(metrics.text).toContain('sightline_dependency_up{dependency="execution-provider"} 0')
  })
})
