/** Adds networks that came from elsewhere: any ONNX file with a description of how it is fed and read. */
import { readFile } from 'node:fs/promises'
import { recordDetectorCanary } from '@sightline/detector/session.ts'
import { recordEmbedderCanary } from '@sightline/embedder/session.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { detectorOutputSchema } from '@sightline/shared/inference/detector-output.ts'
import {
  detectorDefaultsSchema,
  detectorInputSchema,
  embedderDefaultsSchema,
  embeddingOutputSchema,
  inputContractSchema,
  modelNameSchema,
} from '@sightline/shared/inference/model-manifest.ts'
import { z } from 'zod'
import {
  assertFree,
  type NewManifest,
  type PreparedModel,
  prepareModel,
  registerModels,
  workFolder,
} from './register.ts'
import { secondFilesOf } from './second-files.ts'

const common = {
  name: modelNameSchema,
  licence: z.string().default('not told'),
  provenance: z.looseObject({}).default({}),
}

const defaults = detectorDefaultsSchema.shape

/** What a manifest says that does not follow from the file: one part for each network that is added. */
const additionSchema = z.strictObject({
  detector: z
    .strictObject({
      ...common,
      input: z.strictObject(detectorInputSchema.shape),
      output: detectorOutputSchema,
      defaults: z.strictObject({
        scoreThreshold: defaults.scoreThreshold,
        maxBoxes: defaults.maxBoxes.default(5),
        nmsIou: defaults.nmsIou.default(0.6),
        topPerLevel: defaults.topPerLevel.default(1000),
      }),
    })
    .optional(),
  embedder: z
    .strictObject({
      ...common,
      input: z.strictObject(inputContractSchema.shape),
      output: z.strictObject(embeddingOutputSchema.shape),
      defaults: z.strictObject(embedderDefaultsSchema.shape),
    })
    .optional(),
})

export interface AddOptions {
  /** Models folder. The caller holds its lock. */
  readonly models: string
  readonly manifest: string
  /** ONNX files; each needs its part of the manifest, and the other way round. */
  readonly detector: string | undefined
  readonly embedder: string | undefined
}

/**
 * Registers the networks with the canary that they answer on this machine's CPU, and returns their names.
 * Throws MODEL_CONTRACT with the reason where a graph is not what the manifest says.
 */
export async function addModels({ models, manifest, detector, embedder }: AddOptions): Promise<readonly string[]> {
  const addition = await readAddition(manifest)
  for (const [role, file] of [
    ['detector', detector],
    ['embedder', embedder],
  ] as const) {
    if ((file === undefined) === (addition[role] === undefined)) continue
    const [has, lacks] = file === undefined ? [manifest, `--${role}`] : [`--${role}`, manifest]
    throw new SightlineError(
      'MODEL_CONTRACT',
      `${has} is about ${role === 'detector' ? 'a' : 'an'} ${role}, ${lacks} is not`,
    )
  }
  for (const file of [detector, embedder]) if (file !== undefined) await secondFilesOf(file)
  await using work = await workFolder(models)
  const prepared: PreparedModel[] = []
  const prepare = async (added: NewManifest, file: string): Promise<void> => {
    await assertFree(models, added.name)
    prepared.push(await prepareModel(added, file, work.path))
  }
  if (addition.detector !== undefined && detector !== undefined) {
    const canary = await recordDetectorCanary(detector, addition.detector)
    await prepare({ ...addition.detector, task: 'detector', canary }, detector)
  }
  if (addition.embedder !== undefined && embedder !== undefined) {
    const canary = await recordEmbedderCanary(embedder, addition.embedder)
    await prepare({ ...addition.embedder, task: 'embedder', canary }, embedder)
  }
  await registerModels(models, prepared)
  return prepared.map(({ manifest: { name } }) => name)
}

async function readAddition(path: string): Promise<z.infer<typeof additionSchema>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SightlineError('FILE_UNREADABLE', `the manifest ${path} can't be read`, { cause })
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new SightlineError('MODEL_CONTRACT', `${path} is not JSON`, { cause })
  }
  const parsed = additionSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new SightlineError('MODEL_CONTRACT', `${path} does not fit: ${z.prettifyError(parsed.error)}`)
}
