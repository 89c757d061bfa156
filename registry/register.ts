/** Puts a model into a models folder as a whole or not at all: written beside it, tried, then renamed into its place. */
import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { digestOf } from '@sightline/shared/inference/model-files.ts'
import { type ModelManifest, modelManifestSchema, readModel } from '@sightline/shared/inference/model-manifest.ts'
import { readModelsIndex } from '@sightline/shared/inference/models-folder.ts'
import { z } from 'zod'
import { diskError } from './disk.ts'
import { workPrefix } from './folder-lock.ts'
import { manifestName, onnxName, secondFilesOf } from './second-files.ts'
import { tryModel } from './try-model.ts'
import { writeJson } from './write-json.ts'

/** A manifest without what follows from its files. */
export type NewManifest<Manifest extends ModelManifest = ModelManifest> = Manifest extends ModelManifest
  ? Omit<Manifest, 'schema' | 'file' | 'sha256' | 'bytes' | 'data'>
  : never

/** A folder in which work is prepared, on the same disk as the models; gone when disposed. For a holder of the lock. */
export async function workFolder(models: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(models, `${workPrefix}${randomUUID()}`)
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw diskError(error, path) ?? error
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A model that is complete and has answered its canary, but has no place yet. */
export interface PreparedModel {
  readonly manifest: ModelManifest
  readonly folder: string
}

/**
 * Writes the manifest and the weights, second files too, into `work`, and tries the model there.
 * Throws MODEL_MISSING, MODEL_CONTRACT, MODEL_CORRUPT or MODEL_CANARY where it would not run.
 */
export async function prepareModel(manifest: NewManifest, onnx: string, work: string): Promise<PreparedModel> {
  const folder = join(work, `model-${manifest.task}`)
  const secondFiles = await secondFilesOf(onnx)
  try {
    await mkdir(folder)
    await copyFile(onnx, join(folder, onnxName))
    for (const name of secondFiles) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await copyFile(join(dirname(onnx), name), join(folder, name))
    }
  } catch (error) {
    throw diskError(error, folder) ?? error
  }
  const { sha256, bytes, files } = await digestOf(folder, [onnxName, ...secondFiles])
  const data = secondFiles.length > 0 ? secondFiles.map((name) => files.get(name)) : undefined
  const complete = modelManifestSchema.safeParse({ schema: 1, ...manifest, file: onnxName, sha256, bytes, data })
  if (!complete.success) {
    throw new SightlineError('MODEL_CONTRACT', `${manifest.name}: ${z.prettifyError(complete.error)}`)
  }
  await writeJson(join(folder, manifestName), complete.data)
  await tryModel(await readModel(folder))
  return { manifest: complete.data, folder }
}

/** Gives all of the models their places; where one can't have it, none has. Throws MODEL_CONTRACT where a name is taken. */
export async function registerModels(models: string, prepared: readonly PreparedModel[]): Promise<void> {
  const placed: string[] = []
  try {
    for (const { manifest, folder } of prepared) {
      const place = join(models, manifest.name)
      if (await exists(place)) throw taken(models, manifest.name)
      await rename(folder, place)
      placed.push(place)
    }
  } catch (error) {
    for (const place of placed) await rm(place, { recursive: true, force: true })
    throw diskError(error, models) ?? error
  }
}

/** Throws MODEL_CONTRACT where there is such a folder. */
export async function assertFree(models: string, name: string): Promise<void> {
  if (await exists(join(models, name))) throw taken(models, name)
}

/**
 * Names the models in use. What is not named stays; a folder that had no index needs both.
 * Throws MODEL_CONTRACT, or what trying a model throws: one that does not run is not put in use.
 */
export async function useModels(models: string, names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const hasIndex = await exists(join(models, 'index.json'))
  const index: Record<string, string> = hasIndex ? { ...(await readModelsIndex(models)) } : {}
  for (const name of names) {
    const model = await readModel(join(models, name))
    await tryModel(model)
    index[model.manifest.task] = name
  }
  for (const task of ['detector', 'embedder']) {
    if (index[task] !== undefined) continue
    throw new SightlineError('MODEL_CONTRACT', `${models} has no ${task} in use yet: name a detector and an embedder`)
  }
  await writeJson(join(models, 'index.json'), index)
  return index
}

/** Removes a model that is not in use; throws MODEL_MISSING or MODEL_CONTRACT. */
export async function removeModel(models: string, name: string): Promise<void> {
  const place = join(models, name)
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name) || !(await exists(join(place, manifestName)))) {
    throw new SightlineError('MODEL_MISSING', `there is no model '${name}' in ${models}`)
  }
  if ((await exists(join(models, 'index.json'))) && Object.values(await readModelsIndex(models)).includes(name)) {
    throw new SightlineError('MODEL_CONTRACT', `${name} is in use; first use another with 'sightline models use NAME'`)
  }
  await using work = await workFolder(models)
  // Moved first: nobody finds half of it.
  await rename(place, join(work.path, 'removed')).catch((error: unknown) => {
    throw diskError(error, place) ?? error
  })
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const taken = (models: string, name: string): SightlineError =>
  new SightlineError(
    'MODEL_CONTRACT',
    `there is a model '${name}' in ${models} already: choose another name, or 'sightline models remove ${name}'`,
  )
