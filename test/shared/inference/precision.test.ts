/** Which form of a network runs: the faster one where both answer alike, the one that is asked for, and never another in silence. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { chooseForm, cosineFigure, formText } from '@sightline/shared/inference/precision.ts'
import type { Precision, WorkerOptions } from '@sightline/shared/inference/workers.ts'
import { beforeAll, expect, test } from 'vitest'

let models: string
let embedder: Model<EmbedderManifest>

beforeAll(async () => {
  models = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'models')
  for (const name of ['general-lite', 'general-lite-int8', 'mainbody-lite']) {
    await cp(join(bundledModels, name), join(models, name), { recursive: true })
  }
  await sayCosine(models, 0.9995)
  await writeFile(join(models, 'index.json'), '{"detector":"mainbody-lite","embedder":"general-lite"}')
  embedder = await readEmbedder(models)
})

/** Writes into the int8 form's manifest how like its vectors are to those of the float form. */
async function sayCosine(folder: string, cosine: number | undefined): Promise<void> {
  const file = join(folder, 'general-lite-int8', 'manifest.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  manifest.metrics = cosine === undefined ? {} : { [cosineFigure]: { value: cosine } }
  await writeFile(file, JSON.stringify(manifest))
}

/** What is chosen where a picture takes so many ms in each form. */
const choose = (
  precision: Precision,
  ms: { readonly float: number; readonly int8: number },
  { folder = models, executionProviders = ['cpu'] } = {},
) =>
  chooseForm(
    folder,
    embedder,
    precision,
    { workers: 4, threadsPerWorker: 1, executionProviders },
    async ({ manifest }: Model<EmbedderManifest>, { workers }: WorkerOptions) => {
      expect(workers).toBe(1)
      const msPerPicture = manifest.name === 'general-lite' ? ms.float : ms.int8
      return { msPerPicture, [Symbol.asyncDispose]: async () => undefined }
    },
  )

test.each([
  ['the faster int8 form', 'auto', { float: 6, int8: 3 }, 'int8'],
  ['the float form where int8 is slower', 'auto', { float: 6, int8: 9 }, 'float'],
  ['the float form where the difference is too small to be one', 'auto', { float: 6, int8: 5.8 }, 'float'],
  ['what is asked for, slower or not', 'int8', { float: 6, int8: 9 }, 'int8'],
  ['what is asked for, faster or not', 'float', { float: 6, int8: 3 }, 'float'],
] as const)('runs %s', async (_what, precision, ms, expected) => {
  const form = await choose(precision, ms)
  expect(form.precision).toBe(expected)
  expect(form.model.manifest.name).toBe(expected === 'int8' ? 'general-lite-int8' : 'general-lite')
  if (precision === 'auto') expect(formText(form)).toContain(`${ms.int8.toFixed(1)} ms a picture`)
})

test('elsewhere than on the CPU the float form runs', async () => {
  expect(await choose('auto', { float: 6, int8: 3 }, { executionProviders: ['cuda', 'cpu'] })).toMatchObject({
    precision: 'float',
  })
})

test.each([
  ['a little unlike', 0.994, /median cosine is 0.994, not 0.996/, undefined],
  ['too unlike', 0.97, /median cosine is 0.97, not 0.996/, /can't run in int8: .* is 0.97, not 0.99/],
  ['not measured', undefined, /was not measured/, /can't run in int8: .* was not measured/],
])('an int8 form whose vectors are %s is not taken unasked, and that is said', async (_what, cosine, reason, asked) => {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  await cp(models, folder, { recursive: true })
  await sayCosine(folder, cosine)
  const form = await choose('auto', { float: 6, int8: 3 }, { folder })
  expect(form.precision).toBe('float')
  expect(formText(form)).toMatch(reason)
  const forced = choose('int8', { float: 6, int8: 3 }, { folder })
  if (asked === undefined) expect(await forced).toMatchObject({ precision: 'int8' })
  else await expect(forced).rejects.toMatchObject({ code: 'MODEL_CONTRACT', message: expect.stringMatching(asked) })
})

test('an int8 form that is not there is asked for in vain, with what to do', async () => {
  const detectorOnly = {
    manifest: { ...embedder.manifest, name: 'other', sha256: '0'.repeat(64) },
    path: embedder.path,
  }
  await expect(
    chooseForm(models, detectorOnly, 'int8', { workers: 1, threadsPerWorker: 1 }, () => Promise.reject(new Error())),
  ).rejects.toMatchObject({ code: 'MODEL_MISSING', message: expect.stringContaining('models quantize other') })
  const form = await chooseForm(models, detectorOnly, 'auto', { workers: 1, threadsPerWorker: 1 }, () =>
    Promise.reject(new Error()),
  )
  expect(form.precision).toBe('float')
})
