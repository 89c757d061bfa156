/** A model folder's manifest.json: the input contract, the output kind, the checksums and where the weights came from. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { SightlineError } from '../errors/errors.ts'
import { detectorOutputSchema } from './detector-output.ts'
import { digestOf, fileSchema, sha256Schema } from './model-files.ts'

const triple = z.tuple([z.number(), z.number(), z.number()])

export const inputContractSchema = z
  .object({
    name: z.string(),
    width: z.int().positive(),
    height: z.int().positive(),
    layout: z.enum(['NCHW', 'NHWC']),
    colorOrder: z.enum(['RGB', 'BGR']).describe('Also that of mean and std'),
    interpolation: z.enum(['linear', 'cubic']),
    scale: z.number(),
    mean: triple,
    std: triple,
    maxBatch: z.literal(1).optional().describe('1 where the graph takes one picture a run; any number where not given'),
  })
  .meta({
    id: 'InputContract',
    description:
      "How pixels become the model's input tensor: resized without keeping the aspect ratio, then (x scale - mean) / std; float32 or float16 as the graph says",
  })

export const detectorInputSchema = inputContractSchema
  .extend({
    letterbox: z
      .object({ pad: z.int().min(0).max(255), at: z.enum(['centre', 'top-left']) })
      .optional()
      .describe(
        'The aspect ratio is kept, and the rest of the input filled with a grey of this value: around the picture (YOLOv5 and later by Ultralytics, v7: 114), or right of and below it (YOLOX: 114)',
      ),
  })
  .meta({ id: 'DetectorInput' })

/** Names the model's folder too. In other languages `$` also stands before a line's end, which `(?!\n)` refuses. */
export const modelNameSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]*$(?!\n)/)

const common = {
  schema: z.literal(1),
  name: modelNameSchema,
  file: fileSchema.shape.file.describe('The ONNX file beside the manifest'),
  sha256: sha256Schema.describe(
    'Identifies the weights: of the ONNX file and, behind it in their order, of the files of data, as if they were one',
  ),
  bytes: z.int().positive().describe('Of all of these files together'),
  data: z
    .array(fileSchema)
    .min(1)
    .optional()
    .describe('Files beside the ONNX file that hold weights of it (external data); their names are in it'),
  licence: z.string(),
  provenance: z.looseObject({}).describe('Where the weights came from, for people'),
  metrics: z
    .record(z.string(), z.looseObject({ value: z.number() }))
    .optional()
    .describe('What was measured, by name'),
}

export const detectorDefaultsSchema = z.object({
  scoreThreshold: z.number().min(0).max(1),
  maxBoxes: z.int().positive(),
  nmsIou: z.number().min(0).max(1),
  topPerLevel: z
    .int()
    .positive()
    .describe('Best candidates that are looked at: of a level of PicoDet, of the whole picture in other networks'),
})

/** What differs where a crowded frame is looked at closely (`--scene dense`). */
const denseDefaultsSchema = detectorDefaultsSchema
  .pick({ scoreThreshold: true, maxBoxes: true, nmsIou: true })
  .partial()
  .describe('What differs where a crowded frame is looked at in tiles')

export const detectorManifestSchema = z.object({
  ...common,
  task: z.literal('detector'),
  input: detectorInputSchema,
  output: detectorOutputSchema,
  defaults: detectorDefaultsSchema.extend({ dense: denseDefaultsSchema.optional() }),
  canary: z
    .union([
      z.object({ meanSigmoid: z.array(z.number()).min(1), tolerance: z.number().positive() }),
      z.object({ statistics: z.array(z.number()).min(1), tolerance: z.number().positive() }),
    ])
    .describe("Few numbers about the answer to the canary pattern; a PicoDet's are the mean score of each level"),
})

export const embeddingOutputSchema = z.object({
  kind: z.literal('embedding'),
  /** [N, dimension] */
  name: z.string(),
  /** Whatever their length is: they are scaled to unit length here. */
  dimension: z.int().positive(),
})

export const embedderDefaultsSchema = z.object({ scoreThreshold: z.number().min(-1).max(1) })

export const embedderManifestSchema = z.object({
  ...common,
  task: z.literal('embedder'),
  input: inputContractSchema,
  output: embeddingOutputSchema,
  defaults: embedderDefaultsSchema,
  canary: z.object({ embedding: z.array(z.number()), minCosine: z.number().max(1) }),
})

export const modelManifestSchema = z
  .discriminatedUnion('task', [detectorManifestSchema, embedderManifestSchema])
  .describe("A model folder's manifest.json")

/** The published JSON Schema (draft 2020-12) of what is accepted: the Python that writes manifests is held to it. */
export const modelManifestJsonSchema = (): unknown => z.toJSONSchema(modelManifestSchema, { io: 'input' })

export type InputContract = z.infer<typeof inputContractSchema>
export type DetectorInput = z.infer<typeof detectorInputSchema>
export type DetectorDefaults = z.infer<typeof detectorDefaultsSchema>
export type DetectorManifest = z.infer<typeof detectorManifestSchema>
export type EmbedderManifest = z.infer<typeof embedderManifestSchema>
export type ModelManifest = z.infer<typeof modelManifestSchema>

/** A manifest together with where its weights lie. */
export interface Model<Manifest extends ModelManifest = ModelManifest> {
  readonly manifest: Manifest
  /** Absolute path of the ONNX file. */
  readonly path: string
}

/**
 * Reads `folder`/manifest.json and checks the weights beside it against its size and sha256.
 * Throws MODEL_MISSING, MODEL_CONTRACT (the manifest does not fit) or MODEL_CORRUPT (the weights are not the manifest's).
 */
export async function readModel(folder: string): Promise<Model> {
  const manifest = await readManifest(folder)
  await checkFiles(folder, manifest)
  return { manifest, path: join(folder, manifest.file) }
}

/** Reads `folder`/manifest.json alone, for whoever does not run the model. Throws MODEL_MISSING or MODEL_CONTRACT. */
export async function readManifest(folder: string): Promise<ModelManifest> {
  const manifestPath = join(folder, 'manifest.json')
  const text = await readFile(manifestPath, 'utf8').catch((cause: unknown) => {
    throw new SightlineError('MODEL_MISSING', `no model in ${folder}: ${manifestPath} can't be read`, { cause })
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new SightlineError('MODEL_CONTRACT', `${manifestPath} is not JSON`, { cause })
  }
  const parsed = modelManifestSchema.safeParse(json)
  if (!parsed.success) {
    throw new SightlineError('MODEL_CONTRACT', `${manifestPath} does not fit: ${z.prettifyError(parsed.error)}`)
  }
  return parsed.data
}

async function checkFiles(folder: string, { file, sha256, data = [] }: ModelManifest): Promise<void> {
  const refused = (name: string, actual: string, expected: string): SightlineError =>
    new SightlineError(
      'MODEL_CORRUPT',
      `${join(folder, name)} is not the file its manifest describes (sha256 ${actual}, expected ${expected}); restore it from where the model came from`,
    )
  const found = await digestOf(folder, [file, ...data.map((one) => one.file)])
  const other = data.find((one) => found.files.get(one.file)?.sha256 !== one.sha256)
  if (other !== undefined) throw refused(other.file, found.files.get(other.file)!.sha256, other.sha256)
  if (found.sha256 !== sha256) throw refused(file, found.sha256, sha256)
}
