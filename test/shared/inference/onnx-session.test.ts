/** The pool of inference workers: batches across callers, one bad input alone, a free event loop, an orderly end. */
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openEmbedderSession } from '../../../services/embedder/session.ts'
import { type EmbedderManifest, type Model, readModel } from '../../../shared/inference/model-manifest.ts'
import { bundledModels, readEmbedder } from '../../../shared/inference/models-folder.ts'
import { openOnnxSession, type SessionOptions } from '../../../shared/inference/onnx-session.ts'
import { noise } from '../../harness/noise.ts'
import type { Probe, ProbeAnswer } from './probe-task.ts'

let model: Model<EmbedderManifest>
beforeAll(async () => {
  model = await readEmbedder(bundledModels)
})

const openProbe = (options: Partial<SessionOptions> = {}) =>
  openOnnxSession<Probe, ProbeAnswer>({
    model,
    task: new URL('./probe-task.ts', import.meta.url),
    contract: { canary: 'good' },
    workers: 1,
    threadsPerWorker: 1,
    ...options,
  })

describe('inputs', () => {
  test('are answered each with its own answer, batched across callers', async () => {
    await using session = await openProbe({ maxBatch: 4 })
    const first = session.submit({ kind: 'wait', ms: 30 })
    const answers = await Promise.all(Array.from({ length: 8 }, (_, value) => session.submit({ kind: 'echo', value })))
    await first
    expect(answers.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(answers.map(({ batch }) => batch)).toEqual([4, 4, 4, 4, 4, 4, 4, 4])
  })

  test('wait for a batch to fill up no longer than allowed', async () => {
    await using session = await openProbe({ maxBatch: 2, maxWaitMs: 20_000 })
    const pair = await Promise.all([1, 2].map((value) => session.submit({ kind: 'echo', value })))
    expect(pair.map(({ batch }) => batch)).toEqual([2, 2])
    await using hasty = await openProbe({ maxBatch: 2, maxWaitMs: 5 })
    expect(await hasty.submit({ kind: 'echo', value: 3 })).toEqual({ value: 3, batch: 1 })
  })

  test('are moved, not copied, when asked', async () => {
    await using session = await openProbe()
    const bytes = new Uint8Array(1000)
    await session.submit({ kind: 'echo', value: 1, bytes }, [bytes.buffer])
    expect(bytes.byteLength).toBe(0)
  })

  test('that can not be handed over are refused, and the pool goes on', async () => {
    await using session = await openProbe()
    const unclonable = { kind: 'echo', value: 1, bytes: (() => 0) as unknown as Uint8Array } as const
    await expect(session.submit(unclonable)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' })
    expect(await session.submit({ kind: 'echo', value: 2 })).toMatchObject({ value: 2 })
  })
})

describe('what goes wrong', () => {
  test('with one input of a batch fails that one alone', async () => {
    await using session = await openProbe({ maxBatch: 8 })
    const busy = session.submit({ kind: 'wait', ms: 30 })
    const ends = await Promise.allSettled([
      session.submit({ kind: 'echo', value: 1 }),
      session.submit({ kind: 'throw' }),
      session.submit({ kind: 'echo', value: 2 }),
    ])
    await busy
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(ends[1]).toMatchObject({ reason: { code: 'INFERENCE_FAILED', retryable: false } })
  })

  test('with a worker that dies can be tried again, on its replacement', async () => {
    await using session = await openProbe()
    await expect(session.submit({ kind: 'die' })).rejects.toMatchObject({ code: 'INFERENCE_FAILED', retryable: true })
    expect(await session.submit({ kind: 'echo', value: 5 })).toMatchObject({ value: 5 })
  })

  test('with worker after worker ends the pool', async () => {
    await using session = await openProbe()
    for (let death = 0; death < 3; death += 1) {
      await expect(session.submit({ kind: 'die' })).rejects.toMatchObject({ retryable: true })
    }
    await expect(session.closed).rejects.toMatchObject({ code: 'INFERENCE_FAILED' })
  })
})

describe('a pool does not open', () => {
  test('when its canary does not answer as recorded', async () => {
    await expect(openProbe({ contract: { canary: 'bad' } })).rejects.toThrow('the canary is silent')
  })

  test('on weights that are no network', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'model.onnx')
    await writeFile(path, noise(1000, 1))
    await expect(openProbe({ model: { ...model, path } })).rejects.toMatchObject({
      code: 'MODEL_CORRUPT',
      message: expect.stringContaining(path),
    })
  })

  test('on a network that is not the one of its manifest', async () => {
    const { manifest } = model
    const other = (input: Partial<EmbedderManifest['input']>) =>
      openProbe({ model: { ...model, manifest: { ...manifest, input: { ...manifest.input, ...input } } } })
    await expect(other({ name: 'pixels' })).rejects.toThrow(/input is image, the manifest's pixels/)
    await expect(other({ width: 99 })).rejects.toThrow(/the manifest says \[N, 3, \d+, 99\]/)
  })
})

test('the event loop goes on while a worker computes', async () => {
  await using session = await openProbe()
  let ticks = 0
  const timer = setInterval(() => (ticks += 1), 5)
  await session.submit({ kind: 'spin', ms: 500 })
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(20)
})

describe('the end of a pool', () => {
  test('waits for what was submitted, refuses the rest, and may be asked for twice', async () => {
    const session = await openProbe()
    const running = session.submit({ kind: 'wait', ms: 50 })
    const waiting = session.submit({ kind: 'echo', value: 1 })
    await Promise.all([session[Symbol.asyncDispose](), session[Symbol.asyncDispose]()])
    expect(await running).toMatchObject({ value: -1 })
    expect(await waiting).toMatchObject({ value: 1 })
    await expect(session.submit({ kind: 'echo', value: 2 })).rejects.toThrow('closed')
    await session.closed
  })
})

describe('a model folder', () => {
  test('whose weights were changed is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    const source = join(bundledModels, model.manifest.name)
    await copyFile(join(source, 'manifest.json'), join(folder, 'manifest.json'))
    await writeFile(join(folder, 'model.onnx'), 'not the weights')
    await expect(readModel(folder)).rejects.toMatchObject({ code: 'MODEL_CORRUPT' })
  })

  test('with a manifest that does not fit says what does not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(
      join(folder, 'manifest.json'),
      JSON.stringify({ ...model.manifest, task: 'embedder', bytes: 'many' }),
    )
    await expect(readModel(folder)).rejects.toMatchObject({
      code: 'MODEL_CONTRACT',
      message: expect.stringContaining('bytes'),
    })
    await writeFile(join(folder, 'manifest.json'), 'no json')
    await expect(readModel(folder)).rejects.toMatchObject({ code: 'MODEL_CONTRACT' })
    await expect(readModel(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'MODEL_MISSING' })
  })
})

describe('the embedder that ships', () => {
  test('answers a picture the same alone and in a batch, with unit vectors', async () => {
    await using session = await openEmbedderSession(model, { workers: 1, threadsPerWorker: 1, maxBatch: 4 })
    const picture = (seed: number) => ({ pixels: { data: noise(60 * 40 * 3, seed), width: 60, height: 40 } })
    const alone = await session.submit(picture(1))
    const together = await Promise.all([1, 2, 3, 4].map((seed) => session.submit(picture(seed))))
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
    for (const vector of together) expect(dot(vector, vector)).toBeCloseTo(1, 5)
    expect(dot(alone, together[0]!)).toBeGreaterThan(0.9999)
    expect(dot(alone, together[1]!)).toBeLessThan(0.9999)
  })

  test('refuses to start when it computes something else than recorded', async () => {
    const { canary } = model.manifest
    const wrong = { ...model.manifest, canary: { ...canary, embedding: canary.embedding.toReversed() } }
    const opened = openEmbedderSession({ ...model, manifest: wrong }, { workers: 1, threadsPerWorker: 1 })
    await expect(opened).rejects.toMatchObject({ code: 'MODEL_CANARY', message: expect.stringContaining('cosine') })
  })
})
