/** Where a network runs: what was asked for, an error, or a fall-back that is told; never anything else silently. */
import { describe, expect, test } from 'vitest'
import { openEmbedderSession } from '../../services/embedder/session.ts'
import { executionCheck, openOnProviders } from '../../shared/inference/execution-providers.ts'
import { bundledModels, readEmbedder } from '../../shared/inference/models-folder.ts'
import { Health } from '../../shared/service/health.ts'
import { Metrics } from '../../shared/service/metrics.ts'

/** A runtime on a machine where only some of what it was built with works; a session is its providers. */
function machine(names: readonly string[], working: readonly string[], isGraphGood = true) {
  const opened = new Set<readonly string[]>()
  return {
    opened,
    names,
    async open(providers: readonly string[]) {
      const session = [...providers]
      if (!isGraphGood) throw new Error('not a network')
      const missing = providers.filter((name) => !working.includes(name))
      if (missing.length > 0) throw new Error(`no device for ${missing.join()}`)
      opened.add(session)
      return session
    },
    async close(session: readonly string[]) {
      expect(opened.delete(session)).toBe(true)
    },
  }
}

describe('a network', () => {
  test('runs on the providers that were asked for, where they work', async () => {
    const { session, execution } = await openOnProviders(
      ['cuda', 'cpu'],
      true,
      machine(['cpu', 'cuda'], ['cpu', 'cuda']),
    )
    expect(session).toEqual(['cuda', 'cpu'])
    expect(execution).toEqual({ providers: ['cuda', 'cpu'], problem: null })
  })

  test.each([
    ['that the runtime was not built with', ['openvino', 'cpu'], /no openvino here, only cpu, cuda/],
    ['whose device is missing', ['cuda'], /no device for cuda/],
  ])('is an error on a provider %s, and leaves nothing open', async (_name, asked, reason) => {
    const runtime = machine(['cpu', 'cuda'], ['cpu'])
    await expect(openOnProviders(asked, false, runtime)).rejects.toMatchObject({
      code: 'EXECUTION_PROVIDER',
      message: expect.stringMatching(reason),
    })
    expect(runtime.opened.size).toBe(0)
  })

  test('falls back where that was allowed, on what of the list works, and tells', async () => {
    const names = ['cpu', 'cuda', 'tensorrt']
    const some = machine(names, ['cpu', 'cuda'])
    expect((await openOnProviders(['tensorrt', 'cuda'], true, some)).execution).toEqual({
      providers: ['cuda'],
      problem: expect.stringContaining('asked for tensorrt, cuda, runs on cuda: tensorrt: no device for tensorrt'),
    })
    expect([...some.opened]).toEqual([['cuda']])
    const none = machine(names, ['cpu'])
    const { session, execution } = await openOnProviders(['cuda'], true, none)
    expect(session).toEqual(['cpu'])
    expect(execution).toEqual({ providers: ['cpu'], problem: expect.stringContaining('runs on cpu') })
    expect([...none.opened]).toEqual([['cpu']])
  })

  test('that is broken is called broken, not the provider', async () => {
    const runtime = machine(['cpu', 'cuda'], ['cpu'], false)
    await expect(openOnProviders(['cuda'], true, runtime)).rejects.toThrow('not a network')
  })
})

describe('the runtime of this machine', () => {
  const workers = { workers: 1, threadsPerWorker: 1 }

  // Asked for together with cpu, onnxruntime drops a name that it does not know.
  test.each([[['openvino', 'cpu']], [['no-such-thing']]])('refuses %s at the start', async (executionProviders) => {
    const model = await readEmbedder(bundledModels)
    await expect(openEmbedderSession(model, { ...workers, executionProviders })).rejects.toMatchObject({
      code: 'EXECUTION_PROVIDER',
      message: expect.stringContaining(`onnxruntime has no ${executionProviders[0]} here`),
    })
  })

  test('falls back visibly: in the readiness, which stays, and in the metrics', async () => {
    const model = await readEmbedder(bundledModels)
    const options = { ...workers, executionProviders: ['no-such-thing'], executionFallback: true }
    await using session = await openEmbedderSession(model, options)
    const health = new Health()
    const metrics = new Metrics(health)
    health.phase = 'running'
    health.add(executionCheck(session))
    metrics.watchExecution('embedder', session)
    const readiness = await health.readiness()
    expect(readiness.status).toBe('degraded')
    expect(readiness.checks).toEqual([
      {
        name: 'execution-provider',
        isRequired: false,
        problem: expect.stringContaining('asked for no-such-thing, runs on cpu'),
      },
    ])
    expect(await metrics.text()).toContain('sightline_execution_provider{stage="embedder",provider="cpu"} 1')
  })

  test('is the CPU where nothing else is asked for, and all is well', async () => {
    await using session = await openEmbedderSession(await readEmbedder(bundledModels), workers)
    expect(session.execution).toEqual({ providers: ['cpu'], problem: null })
  })
})
