/** `sightline eval`: measures the embedder, the detector, or the whole pipeline on pictures whose truth is known. */

import { evaluateBoxes } from '@sightline/evaluation/evaluate-boxes.ts'
import { evaluateRetrieval } from '@sightline/evaluation/evaluate-retrieval.ts'
import { evaluateScenes } from '@sightline/evaluation/evaluate-scenes.ts'
import type { Figures } from '@sightline/evaluation/figures.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import type { Command, Terminal, Values } from '../command.ts'
import { flag, text, workOn } from '../command.ts'
import {
  lookOf,
  modelsFolder,
  readWorkers,
  recognitionHelp,
  recognitionOf,
  recognitionOptions,
} from '../recognition-flags.ts'

export const evalCommand: Command = {
  name: 'eval',
  summary: 'measure the models on pictures whose truth is known',
  help: `Usage: sightline eval --gallery-list FILE --query-list FILE --root DIR [OPTIONS]
       sightline eval --boxes FILE.jsonl --root DIR [OPTIONS]
       sightline eval --scenes FILE.jsonl --root DIR --gallery DIR [OPTIONS]

The first measures the embedder on whole pictures: recall@1, recall@5 and mAP. The lists hold lines
'path<TAB>label' or 'path label'. The second measures the detector: AP50, AP and recall@100, from lines
{"image", "boxes": [[x1, y1, x2, y2] in 0..1], "ignore": […]}. The third measures the whole pipeline: which share of
the named objects is found (IoU at least 0.5) and rightly named, from lines {"image", "complete": true,
"objects": [{"label", "box"}]}; only complete scenes count wrong names. Both look as --scene and --tiles say, and list
what was missed by size: an object of 6 % is as large as a square of 6 % of the picture's sides.

  --gallery-list FILE     pictures that are known
  --query-list FILE       pictures to find among them
  --boxes FILE            pictures with the boxes of their objects
  --scenes FILE           pictures with named boxes
  --root DIR              folder that the paths start from (default: .)
  --json                  the result as one JSON line
${recognitionHelp}

Example: sightline eval --gallery-list gallery.txt --query-list queries.txt --root pictures/ --json`,
  options: {
    ...recognitionOptions,
    'gallery-list': { type: 'string' },
    'query-list': { type: 'string' },
    boxes: { type: 'string' },
    scenes: { type: 'string' },
    root: { type: 'string' },
    json: { type: 'boolean' },
  },

  async run(values, _positionals, terminal) {
    const result = await measure(values, terminal)
    if (flag(values, 'json')) terminal.out(JSON.stringify(result))
    else for (const [name, value] of Object.entries(result)) terminal.out(`${name.padEnd(24)} ${readable(value)}`)
    return 0
  },
}

async function measure(values: Values, terminal: Terminal): Promise<Figures> {
  const root = text(values, 'root') ?? '.'
  const work = workOn(terminal)
  const scenes = text(values, 'scenes')
  if (scenes !== undefined) {
    return evaluateScenes({ list: scenes, root, work, settings: await recognitionOf(values, terminal) })
  }
  const models = await modelsFolder(values, terminal)
  const common = { root, work, models, workers: await readWorkers(values, terminal) }
  const boxes = text(values, 'boxes')
  if (boxes !== undefined) {
    const { scene, tiles, detectionNmsIou: nmsIou } = await lookOf(values, terminal)
    return evaluateBoxes({ ...common, list: boxes, scene, looking: { tiles, nmsIou } })
  }
  const galleryList = text(values, 'gallery-list')
  const queryList = text(values, 'query-list')
  if (galleryList !== undefined && queryList !== undefined) {
    return evaluateRetrieval({ ...common, galleryList, queryList })
  }
  throw usageError('measure what? Give --gallery-list and --query-list, or --boxes, or --scenes')
}

const readable = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(4))
