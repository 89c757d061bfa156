/** `sightline models quantize`: a smaller, mostly faster form of a model for CPUs, and what it loses. */

import { type LabelledPicture, readLabels } from '@sightline/pipeline/label-file.ts'
import { expandPaths } from '@sightline/pipeline/pictures.ts'
import { openConverter } from '@sightline/registry/converter.ts'
import { int8Table } from '@sightline/registry/int8-loss.ts'
import { quantizeModel } from '@sightline/registry/quantize.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import { type Command, flag, number, text, texts, type Values, workOn } from '../command.ts'
import { modelHelp, modelOptions, modelsFolder, readWorkers } from '../recognition-flags.ts'
import { endWith, lockModels } from './models-pull.ts'

export const modelsQuantizeCommand: Command = {
  name: 'models quantize',
  summary: 'make the int8 form of a model, calibrated on your own pictures',
  help: `Usage: sightline models quantize NAME (--labels FILE [--root DIR] | --pictures PATH…) [OPTIONS]

Weights become 8-bit integers, and so do the values between the layers, in the ranges that they take on up to 256 of your
pictures. It is a quarter of the size, and faster on processors with instructions for it: the table that is printed holds
accuracy and time of both forms on your pictures. Registered beside the float form where it loses little.

An embedder takes the label file of your gallery, with two pictures or more of a label: every second one is searched among
the others. A gallery is searched only with the embedder that it was built with: build it anew after 'models use'.
A detector takes pictures of your cameras; the boxes that the float form finds count as right.

  --labels FILE           lines 'path<TAB>label', as for 'sightline gallery build'
  --root DIR              folder that the paths start from (default: .)
  --pictures PATH         a picture or a folder of them; may be repeated
  --as NAME               the new model's name (default: NAME-int8)
  --most-lost SHARE       register it where no more is lost: of recall@1 (default 0.02), of a detector's AP50 (0.1)
  --python PATH           Python with the packages of python/convert/requirements-int8.txt (default: SIGHTLINE_CONVERT_PYTHON,
                          or an environment that is made in .cache/convert)
  --use                   put it in use
  --json                  the result as one JSON line
${modelHelp}

Example: sightline models quantize pp-shituv2-general --labels products.txt --root pictures/`,
  options: {
    ...modelOptions,
    labels: { type: 'string' },
    root: { type: 'string' },
    pictures: { type: 'string', multiple: true },
    as: { type: 'string' },
    'most-lost': { type: 'string' },
    python: { type: 'string' },
    use: { type: 'boolean' },
    json: { type: 'boolean' },
  },

  async run(values, positionals, terminal) {
    const [name] = positionals
    if (name === undefined || positionals.length > 1) throw usageError('which model? sightline models quantize NAME')
    const models = await modelsFolder(values, terminal)
    const as = text(values, 'as') ?? `${name}-int8`
    const mostLost = number(values, 'most-lost', { min: 0, max: 1 })
    const pictures = await picturesOf(values, (line) => terminal.err(line))
    await using _lock = await lockModels(models, terminal)
    const python = text(values, 'python')
    await quantizeModel({
      models,
      name,
      as,
      pictures,
      isLabelled: text(values, 'labels') !== undefined,
      mostLost,
      openConverter: () =>
        openConverter({ needs: 'int8', python, env: terminal.env, stop: terminal.stop, tell: terminal.err }),
      workers: await readWorkers(values, terminal),
      work: workOn(terminal),
      now: () => new Date(),
      onMeasured({ rows }) {
        for (const line of int8Table(rows)) terminal.err(line)
      },
    })
    return await endWith(models, [as], 'registered', flag(values, 'json'), values, terminal)
  },
}

/** Throws USAGE where none or both ways of naming them are taken. */
async function picturesOf(values: Values, tell: (line: string) => void): Promise<readonly LabelledPicture[]> {
  const labels = text(values, 'labels')
  const paths = texts(values, 'pictures')
  if ((labels === undefined) === (paths.length === 0)) {
    throw usageError('which pictures? Either --labels FILE or --pictures PATH')
  }
  if (labels === undefined) {
    return (await expandPaths(paths)).map((path) => ({ path, file: path, label: '', item: '' }))
  }
  const { pictures, problems } = await readLabels(labels, text(values, 'root') ?? '.')
  for (const { line, message } of problems) tell(`line ${line}: ${message}; skipped`)
  return pictures
}
