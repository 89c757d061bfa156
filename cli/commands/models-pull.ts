/** `sightline models pull` and `add`: brings networks into a models folder, complete and tried, or not at all. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { addModels } from '@sightline/registry/add.ts'
import { cataloguePair } from '@sightline/registry/catalogue.ts'
import { openConverter } from '@sightline/registry/converter.ts'
import { lockFolder } from '@sightline/registry/folder-lock.ts'
import { pullModels } from '@sightline/registry/pull.ts'
import { useModels } from '@sightline/registry/register.ts'
import { verificationTable } from '@sightline/registry/verification.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import { bundledModels, readModelsIndex } from '@sightline/shared/inference/models-folder.ts'
import { type Command, flag, requiredText, type Terminal, text, texts, type Values, workOn } from '../command.ts'
import { modelHelp, modelOptions, modelsFolder } from '../recognition-flags.ts'

export const modelsPullCommand: Command = {
  name: 'models pull',
  summary: 'download, convert and verify a published pair of models',
  help: `Usage: sightline models pull pp-shituv2 [OPTIONS]

Downloads the archives (an interrupted download goes on where it was), converts them to ONNX with Paddle's own tool,
holds the result against the original, and registers the pair in the models folder: both models, or none. The sha256
of each archive is recorded when it is first used and checked ever after. What is there already is only checked.

  --to DIR                models folder (default: the one that comes with Sightline)
  --url-base URL          get URL/ARCHIVE instead (default: SIGHTLINE_MODELS_MIRROR, or the publisher's addresses)
  --file ARCHIVE          an archive that is on this machine already, under its own name; may be repeated
  --python PATH           Python with the packages of python/convert/requirements.txt (default: SIGHTLINE_CONVERT_PYTHON, or an
                          environment that is made in .cache/convert)
  --use                   put the pair in use
  --json                  the result as one JSON line

Example: sightline models pull pp-shituv2 --to my-models --use`,
  options: {
    to: { type: 'string' },
    'url-base': { type: 'string' },
    file: { type: 'string', multiple: true },
    python: { type: 'string' },
    use: { type: 'boolean' },
    json: { type: 'boolean' },
  },

  async run(values, positionals, terminal) {
    const pair = cataloguePair(positionals[0])
    if (positionals.length > 1) throw usageError(`one pair at a time, not ${positionals.join(' ')}`)
    const models = text(values, 'to') ?? bundledModels
    const isJson = flag(values, 'json')
    await using _lock = await lockModels(models, terminal)
    const pulled = await pullModels({
      pair,
      models,
      urlBase: text(values, 'url-base') ?? (terminal.env['SIGHTLINE_MODELS_MIRROR'] || undefined),
      files: texts(values, 'file'),
      openConverter: () =>
        openConverter({
          needs: 'paddle',
          python: text(values, 'python'),
          env: terminal.env,
          stop: terminal.stop,
          tell: terminal.err,
        }),
      work: workOn(terminal),
      now: () => new Date(),
      onVerified(rows) {
        for (const line of verificationTable(rows)) terminal.err(line)
      },
    })
    return await endWith(models, pulled.names, pulled.isNew ? 'registered' : 'there already', isJson, values, terminal)
  },
}

export const modelsAddCommand: Command = {
  name: 'models add',
  summary: 'add networks of your own: ONNX files with their input contract',
  help: `Usage: sightline models add --manifest FILE [--detector FILE.onnx] [--embedder FILE.onnx] [OPTIONS]

The manifest is JSON with a part "detector", "embedder" or both:

  {"detector": {"name": "my-yolo",
     "input": {"name": "images", "width": 640, "height": 640, "layout": "NCHW", "colorOrder": "RGB",
               "interpolation": "linear", "scale": 0.00392156862745098, "mean": [0, 0, 0], "std": [1, 1, 1]},
     "output": {"kind": "yolo", "name": "output0", "classes": 80}, "defaults": {"scoreThreshold": 0.25}},
   "embedder": {"name": "my-clip", "input": {…},
     "output": {"kind": "embedding", "name": "image_embeds", "dimension": 768, "normalized": true},
     "defaults": {"scoreThreshold": 0.7}}}

Input: a picture is resized to width x height, interpolation linear or cubic without antialiasing, and fed as
(x * scale - mean) / std, layout NCHW or NHWC, float32 or float16 as the graph says. Its aspect ratio is not kept, but for a
detector with "letterbox": {"pad": 114, "at": "centre"} (Ultralytics' YOLOs, YOLOv7) or "top-left" (YOLOX), the grey value
beside the picture and where the picture is. "maxBatch": 1 where the graph takes one picture a run. Outputs of detectors:

  yolo     not suppressed in the graph: "name" [N, 4 + classes, A], and "classes", as in YOLOv8 to v11. Otherwise:
           "axes": "anchors values"      [N, A, 4 + classes]; with "objectness": true, a number before the class scores that
                                         multiplies them, [N, A, 5 + classes]: YOLOv5, v6, v7, YOLOX
           "units": "fraction"           of the input; else "pixels"; or "cells", YOLOX as it is exported without decoding,
                                         with "strides" where these are not [8, 16, 32]
           "box": "x1 y1 x2 y2"          corners; else "x y width height" of the centre
           "scores"                      name of a second output, [N, classes, A] or [N, A, classes], "name" has 4 numbers
  boxes    suppressed in the graph (YOLOv10: "row" "x1 y1 x2 y2 score class"): "boxes" [N, K, 4] (x1 y1 x2 y2) and "scores"
           [N, K]; or "boxes" [N, K, 6] and "row", or "class score x1 y1 x2 y2"; "units": "pixels" of the input or "fraction"
  picodet  "strides", "bins", "classes" (default 1), and "heads", one a stride: the name of an output
           [N, classes + 4 * bins, H / stride, W / stride] of logits; or, as PaddleDetection exports without post-processing,
           {"scores": NAME, "distances": NAME}, [N, A, classes] after the sigmoid and [N, A, 4 * bins]

A detection's score is that of its best class. Weights in a second file beside the ONNX file (external data) are registered
with it.

A graph that is not what the manifest says is refused with the reason. What it answers to a fixed picture is recorded
and checked at each start.

  --manifest FILE         as above; "licence" and "provenance" are kept
  --detector FILE         its ONNX file
  --embedder FILE         its ONNX file
  --use                   put them in use
  --json                  the result as one JSON line
${modelHelp}

Example: sightline models add --manifest my-models.json --detector yolo.onnx --embedder clip.onnx --use`,
  options: {
    ...modelOptions,
    manifest: { type: 'string' },
    detector: { type: 'string' },
    embedder: { type: 'string' },
    use: { type: 'boolean' },
    json: { type: 'boolean' },
  },

  async run(values, _positionals, terminal) {
    const models = await modelsFolder(values, terminal)
    const manifest = requiredText(values, 'manifest')
    await using _lock = await lockModels(models, terminal)
    const [detector, embedder] = [text(values, 'detector'), text(values, 'embedder')]
    const names = await addModels({ models, manifest, detector, embedder })
    return await endWith(models, names, 'registered', flag(values, 'json'), values, terminal)
  },
}

/** Holds the models folder; whoever waits is told so. */
export const lockModels = (models: string, { stop, err }: Terminal): Promise<AsyncDisposable> =>
  lockFolder(models, { stop, onWait: () => err(`waiting for another one who writes to ${models}`) })

/** Puts the models in use where that was asked for, and says what became of them. */
export async function endWith(
  models: string,
  names: readonly string[],
  state: string,
  isJson: boolean,
  values: Values,
  terminal: Terminal,
): Promise<number> {
  if (flag(values, 'use')) await useModels(models, names)
  const used = await stat(join(models, 'index.json')).then(
    () => readModelsIndex(models),
    () => null,
  )
  const inUse = used !== null && names.every((name) => Object.values(used).includes(name))
  if (isJson) terminal.out(JSON.stringify({ models, names, state, inUse }))
  else {
    for (const name of names) terminal.out(`${name}: ${state}${inUse ? ', in use' : ''}`)
    if (!inUse) terminal.out(`Put them in use with: sightline models use ${names.join(' ')} --models ${models}`)
  }
  return 0
}
