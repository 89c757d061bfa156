/** The folder of models: one folder a model, and index.json naming the pair in use. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { SightlineError } from '../errors/errors.ts'
import { type DetectorManifest, type EmbedderManifest, type Model, readManifest, readModel } from './model-manifest.ts'

/** The models that come with the project. */
export const bundledModels: string = fileURLToPath(new URL('../../models/', import.meta.url))

const howToFill =
  '`sightline models pull pp-shituv2 --to FOLDER --use` fills one, `docker compose --profile pp-shituv2 up` that of Compose'

const indexSchema = z.object({ detector: z.string(), embedder: z.string() })

/** The names of the models in use; throws MODEL_MISSING or MODEL_CONTRACT. */
export async function readModelsIndex(folder: string): Promise<z.infer<typeof indexSchema>> {
  const path = join(folder, 'index.json')
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SightlineError('MODEL_MISSING', `${folder} is no models folder: ${path} can't be read; ${howToFill}`, {
      cause,
    })
  })
  try {
    return indexSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new SightlineError('MODEL_CONTRACT', `${path} does not name a detector and an embedder`, { cause })
  }
}

/** The detector in use, or the one of the given name; its weights are checked. */
export async function readDetector(folder: string, name?: string): Promise<Model<DetectorManifest>> {
  const { manifest, path } = await readModel(join(folder, name ?? (await readModelsIndex(folder)).detector))
  if (manifest.task !== 'detector') throw wrongTask(manifest.name, manifest.task, 'detector')
  return { manifest, path }
}

/** The embedder in use, or the one of the given name; its weights are checked. */
export async function readEmbedder(folder: string, name?: string): Promise<Model<EmbedderManifest>> {
  const { manifest, path } = await readModel(join(folder, name ?? (await readModelsIndex(folder)).embedder))
  if (manifest.task !== 'embedder') throw wrongTask(manifest.name, manifest.task, 'embedder')
  return { manifest, path }
}

/** What is known of the embedder in use; its weights are neither read nor checked. */
export async function readEmbedderManifest(folder: string): Promise<EmbedderManifest> {
  const manifest = await readManifest(join(folder, (await readModelsIndex(folder)).embedder))
  if (manifest.task !== 'embedder') throw wrongTask(manifest.name, manifest.task, 'embedder')
  return manifest
}

/** Names of the model folders, sorted; they are not checked. A name with a dot in front is work under way. */
export async function modelNames(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new SightlineError('MODEL_MISSING', `the models folder ${folder} can't be read`, { cause })
  })
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort()
}

const wrongTask = (name: string, found: string, expected: string): SightlineError =>
  new SightlineError('MODEL_CONTRACT', `${name} is a model of the kind '${found}', not '${expected}'`)
