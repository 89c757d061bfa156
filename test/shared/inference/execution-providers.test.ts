/** Where a network runs: what was asked for, an error, or a fall-back that is told; never anything else silently. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openEmbedderSession, recordEmbedderCanary } from '../../../services/embedder/session.ts'
import { openOnProviders } from '../../../shared/inference/execution-providers.ts'
import type { EmbedderManifest, Model } from '../../../shared/inference/model-manifest.ts'
import { Health } from '../../../shared/process/health.ts'
import { Metrics } from '../../../shared/process/metrics.ts'
import { networkChecks } from '../../../shared/process/running-stage.ts'
import { embedderFile, smallInput } from '../../harness/networks.ts'

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
  let model: Model<EmbedderManifest>

  beforeAll(async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'model.onnx')
    await writeFile(path, embedderFile({ dimension: 64 }))
    const [input, output] = [smallInput, { kind: 'embedding', name: 'vector', dimension: 64 } as const]
    const canary = await recordEmbedderCanary(path, { input, output })
    const manifest: EmbedderManifest = {
      schema: 1,
      name: 'colours',
      task: 'embedder',
      file: 'model.onnx',
      sha256: '0'.repeat(64),
      bytes: 1,
      input,
      output,
      canary,
      licence: 'none',
      provenance: {},
      defaults: { scoreThreshold: 0.5 },
    }
    model = { manifest, path }
  })

  // Asked for together with cpu, onnxruntime drops a name that it does not know.
  test.each([[['openvino', 'cpu']], [['no-such-thing']]])('refuses %s at the start', async (executionProviders) => {
    await expect(openEmbedderSession(model, { ...workers, executionProviders })).rejects.toMatchObject({
      code: 'EXECUTION_PROVIDER',
      message: expect.stringContaining(`onnxruntime has no ${executionProviders[0]} here`),
    })
  })

  test('runs on cuda or refuses it, but never runs on something else', async () => {
    const ended = await openEmbedderSession(model, { ...workers, executionProviders: ['cuda'] }).then(
      async (session) => {
        await session[Symbol.asyncDispose]()
        return session.execution.providers.join()
      },
      (error: { code: string }) => error.code,
    )
    expect(['cuda', 'EXECUTION_PROVIDER']).toContain(ended)
  })

  const idle = {
    oldest: () => null,
    lag: async () => 0,
    lost: () => 0,
    troubles: () => [],
    closed: Promise.resolve(),
    [Symbol.asyncDispose]: async () => undefined,
  }

  test('falls back visibly: in the readiness, which stays, and in the metrics', async () => {
    const options = { ...workers, executionProviders: ['no-such-thing'], executionFallback: true }
    await using session = await openEmbedderSession(model, options)
    const health = new Health()
    const metrics = new Metrics(health)
    health.phase = 'running'
    for (const check of networkChecks(session)) health.add(check)
    metrics.watch({ name: 'embedder', subscription: idle, network: session }, Date.now)
    const readiness = await health.readiness()
    expect(readiness.status).toBe('degraded')
    expect(readiness.checks).toEqual([
      {
        name: 'execution-provider',
        isRequired: false,
        problem: expect.stringContaining('asked for no-such-thing, runs on cpu'),
      },
      { name: 'model', isRequired: true, problem: null },
    ])
    expect(await metrics.text()).toContain('sightline_execution_provider{stage="embedder",provider="cpu"} 1')
  })

  test('is the CPU where nothing else is asked for, and all is well', async () => {
    await using session = await openEmbedderSession(model, workers)
    expect(session.execution).toEqual({ providers: ['cpu'], problem: null })
  })
})
