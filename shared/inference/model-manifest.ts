/** A model folder's manifest.json: the input contract, the output kind, the checksum and where the weights came from. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { SightlineError } from '../errors/errors.ts'
import { detectorOutputSchema } from './detector-output.ts'

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
      "How pixels become the model's input tensor: resized without keeping the aspect ratio, then (x scale - mean) / std",
  })

/** Names the model's folder too. In other languages `$` also stands before a line's end, which `(?!\n)` refuses. */
export const modelNameSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]*$(?!\n)/)

const common = {
  schema: z.literal(1),
  name: modelNameSchema,
  file: z.string().describe('The ONNX file beside the manifest'),
  sha256: z.string().regex(/^[0-9a-f]{64}$(?!\n)/),
  bytes: z.int().positive(),
  input: inputContractSchema,
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

export const detectorManifestSchema = z.object({
  ...common,
  task: z.literal('detector'),
  output: detectorOutputSchema,
  defaults: detectorDefaultsSchema,
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
  dimension: z.int().positive(),
  /** The graph itself scales its vectors to unit length; they are scaled in any case. */
  normalized: z.boolean(),
})

export const embedderDefaultsSchema = z.object({ scoreThreshold: z.number().min(-1).max(1) })

export const embedderManifestSchema = z.object({
  ...common,
  task: z.literal('embedder'),
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
  const path = join(folder, parsed.data.file)
  const actual = await sha256OfFile(path)
  if (actual !== parsed.data.sha256) {
    throw new SightlineError(
      'MODEL_CORRUPT',
      `${path} is not the file its manifest describes (sha256 ${actual}, expected ${parsed.data.sha256}); restore it from where the model came from`,
    )
  }
  return { manifest: parsed.data, path }
}

/** The sha256 of a file, hex; throws MODEL_MISSING when it can't be read. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch (cause) {
    throw new SightlineError('MODEL_MISSING', `reading model weights ${path}`, { cause })
  }
  return hash.digest('hex')
}
