/** `sightline models list` and `verify`: which models there are, and whether each is what its manifest says. */
import { join } from 'node:path'
import { openDetectorSession } from '@sightline/detector/session.ts'
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import type { Model } from '@sightline/shared/inference/model-manifest.ts'
import { readModel } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, modelNames, readModelsIndex } from '@sightline/shared/inference/models-folder.ts'
import type { WorkerOptions } from '@sightline/shared/inference/onnx-session.ts'
import { describeError } from '@sightline/shared/service/errors.ts'
import { type Command, flag, text } from '../command.ts'
import { modelHelp, modelOptions } from '../recognition-flags.ts'

const options = { ...modelOptions, json: { type: 'boolean' } } as const

const optionsHelp = `${modelHelp}
  --json                  JSON lines`

export const modelsListCommand: Command = {
  name: 'models list',
  summary: 'show the models and which ones are in use',
  help: `Usage: sightline models list [OPTIONS]

${optionsHelp}

Example: sightline models list`,
  options,
  async run(values, _positionals, terminal) {
    const folder = text(values, 'models') ?? bundledModels
    const index = await readModelsIndex(folder)
    for (const name of await modelNames(folder)) {
      const { manifest } = await readModel(join(folder, name))
      const inUse = index[manifest.task] === name
      const { width, height } = manifest.input
      terminal.out(
        flag(values, 'json')
          ? JSON.stringify({
              name,
              task: manifest.task,
              inUse,
              width,
              height,
              bytes: manifest.bytes,
              sha256: manifest.sha256,
            })
          : `${inUse ? '*' : ' '} ${name}  ${manifest.task}  ${width}x${height}  ${(manifest.bytes / 1e6).toFixed(1)} MB  ${manifest.sha256.slice(0, 12)}`,
      )
    }
    return 0
  },
}

export const modelsVerifyCommand: Command = {
  name: 'models verify',
  summary: "check the models' files and run each one's canary",
  help: `Usage: sightline models verify [NAME…] [OPTIONS]

Checks the sha256 of the weights, opens the network, compares its inputs and outputs with the manifest and its answer
to a fixed picture with the recorded one. Exit code 1 where a model fails.

${optionsHelp}

Example: sightline models verify`,
  options,
  async run(values, positionals, terminal) {
    const folder = text(values, 'models') ?? bundledModels
    let failures = 0
    for (const name of positionals.length > 0 ? positionals : await modelNames(folder)) {
      let problem: string | null = null
      try {
        await using _session = await openSession(await readModel(join(folder, name)))
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

const oneWorker: WorkerOptions = { workers: 1, threadsPerWorker: 1 }

function openSession({ manifest, path }: Model): Promise<AsyncDisposable> {
  if (manifest.task === 'embedder') return openEmbedderSession({ manifest, path }, oneWorker)
  const crop = { width: 224, height: 224 }
  return openDetectorSession({ manifest, path }, { wholeFrame: 'never', crop }, oneWorker)
}
