/** `sightline models list`, `verify`, `use` and `remove`: which models there are, which are used, and whether each is right. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { removeModel, useModels } from '@sightline/registry/register.ts'
import { tryModel } from '@sightline/registry/try-model.ts'
import { describeError, usageError } from '@sightline/shared/errors/errors.ts'
import { type ModelManifest, readModel } from '@sightline/shared/inference/model-manifest.ts'
import { modelNames, readModelsIndex } from '@sightline/shared/inference/models-folder.ts'
import { type Command, flag } from '../command.ts'
import {
  modelHelp,
  modelOptions,
  modelsFolder,
  networkHelp,
  networkOptions,
  readWorkers,
} from '../recognition-flags.ts'
import { lockModels } from './models-pull.ts'

const json = { json: { type: 'boolean' } } as const

const optionsHelp = `${modelHelp}
  --json                  JSON lines`

export const modelsListCommand: Command = {
  name: 'models list',
  summary: 'show the models and which ones are in use',
  help: `Usage: sightline models list [OPTIONS]

A * marks the models in use, a ! one that is damaged, with the reason; then the exit code is 1.

${optionsHelp}

Example: sightline models list`,
  options: { ...modelOptions, ...json },
  async run(values, _positionals, terminal) {
    const folder = await modelsFolder(values, terminal)
    // A folder in which none was put in use yet has no index.
    const hasIndex = await stat(join(folder, 'index.json')).catch(() => null)
    const index = hasIndex === null ? null : await readModelsIndex(folder)
    let failures = 0
    for (const name of await modelNames(folder)) {
      try {
        const { manifest } = await readModel(join(folder, name))
        const inUse = index?.[manifest.task] === name
        terminal.out(flag(values, 'json') ? factsOf(manifest, inUse) : lineOf(manifest, inUse))
      } catch (error) {
        const problem = describeError(error)
        failures += 1
        terminal.out(flag(values, 'json') ? JSON.stringify({ name, problem }) : `! ${name}  ${problem}`)
      }
    }
    return failures === 0 ? 0 : 1
  },
}

function factsOf({ name, task, input: { width, height }, bytes, sha256 }: ModelManifest, inUse: boolean): string {
  return JSON.stringify({ name, task, inUse, width, height, bytes, sha256 })
}

function lineOf({ name, task, input, bytes, sha256 }: ModelManifest, inUse: boolean): string {
  const size = `${input.width}x${input.height}  ${(bytes / 1e6).toFixed(1)} MB`
  return `${inUse ? '*' : ' '} ${name}  ${task}  ${size}  ${sha256.slice(0, 12)}`
}

export const modelsVerifyCommand: Command = {
  name: 'models verify',
  summary: "check the models' files and run each one's canary",
  help: `Usage: sightline models verify [NAME…] [OPTIONS]

Checks the sha256 of the weights, opens the network, compares its inputs and outputs with the manifest and its answer
to a fixed picture with the recorded one. Exit code 1 where a model fails.

${networkHelp}
  --json                  JSON lines

Example: sightline models verify`,
  options: { ...networkOptions, ...json },
  async run(values, positionals, terminal) {
    const folder = await modelsFolder(values, terminal)
    let failures = 0
    const workers = await readWorkers(values, terminal)
    for (const name of positionals.length > 0 ? positionals : await modelNames(folder)) {
      let problem: string | null = null
      try {
        await tryModel(await readModel(join(folder, name)), workers)
      } catch (error) {
        problem = describeError(error)
        failures += 1
      }
      terminal.out(
        flag(values, 'json') ? JSON.stringify({ name, ok: problem === null, problem }) : `${name}: ${problem ?? 'ok'}`,
      )
    }
    return failures === 0 ? 0 : 1
  },
}

export const modelsUseCommand: Command = {
  name: 'models use',
  summary: 'put models in use',
  help: `Usage: sightline models use NAME… [OPTIONS]

A detector, an embedder, or one of each; the other stays what it was. A model that does not answer its canary is
refused. A gallery is searched only with the embedder that it was built with: after another embedder build it anew.

${optionsHelp}

Example: sightline models use pp-shituv2-mainbody pp-shituv2-general`,
  options: { ...modelOptions, ...json },
  async run(values, positionals, terminal) {
    if (positionals.length === 0) throw usageError('which models? sightline models use NAME…')
    const folder = await modelsFolder(values, terminal)
    await using _lock = await lockModels(folder, terminal)
    const index = await useModels(folder, positionals)
    terminal.out(flag(values, 'json') ? JSON.stringify(index) : `in use: ${index['detector']}, ${index['embedder']}`)
    return 0
  },
}

export const modelsRemoveCommand: Command = {
  name: 'models remove',
  summary: 'remove a model that is not in use',
  help: `Usage: sightline models remove NAME… [OPTIONS]

${optionsHelp}

Example: sightline models remove my-yolo`,
  options: { ...modelOptions, ...json },
  async run(values, positionals, terminal) {
    if (positionals.length === 0) throw usageError('which model? sightline models remove NAME')
    const folder = await modelsFolder(values, terminal)
    await using _lock = await lockModels(folder, terminal)
    for (const name of positionals) {
      await removeModel(folder, name)
      terminal.out(flag(values, 'json') ? JSON.stringify({ name, removed: true }) : `${name}: removed`)
    }
    return 0
  },
}
