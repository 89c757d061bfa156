/** The options of recognition that several commands share, and the models and gallery they name. */

import type { Models, RecognitionOptions } from '@sightline/pipeline/pipeline.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, OpenMode } from '@sightline/shared/gallery/gallery.ts'
import { galleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import { plainKeyWarning } from '@sightline/shared/gallery/qdrant/qdrant-location.ts'
import type { DetectorManifest, EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, readDetector, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { defaultWorkers, type WorkerOptions } from '@sightline/shared/inference/workers.ts'
import { choice, flag, number, requiredText, type Terminal, text, texts, type Values } from './command.ts'

export const modelOptions = { models: { type: 'string' } } as const

export const modelHelp = '  --models DIR            models folder (default: the models that come with Sightline)'

/** The options of a command that runs networks. */
export const networkOptions = {
  ...modelOptions,
  'execution-provider': { type: 'string', multiple: true },
  'execution-fallback': { type: 'boolean' },
} as const

export const networkHelp = `${modelHelp}
  --execution-provider P  where the networks run: cpu, cuda, tensorrt, webgpu, … as onnxruntime calls them; may be
                          repeated, first choice first; an error where this machine can't (default: cpu)
  --execution-fallback    run on the CPU instead, and say so`

export const recognitionOptions = {
  ...networkOptions,
  gallery: { type: 'string' },
  threshold: { type: 'string' },
  'label-threshold': { type: 'string', multiple: true },
  'detection-threshold': { type: 'string' },
  'detection-nms-iou': { type: 'string' },
  'max-boxes': { type: 'string' },
  'whole-frame': { type: 'string' },
  'nms-iou': { type: 'string' },
} as const

export const recognitionHelp = `  --gallery DIR           gallery made by 'sightline gallery build': its folder, or of a Qdrant
                          http(s)://HOST:6333/COLLECTION, with the API key in SIGHTLINE_QDRANT_API_KEY
  --threshold T           least similarity of a recognition, -1..1 (default: the embedder's)
  --label-threshold L=T   another threshold for one label; may be repeated
  --detection-threshold T least detection score, 0..1 (default: the detector's)
  --detection-nms-iou T   overlap (IoU) from which of two detected boxes the weaker goes, 0..1 (default: the detector's)
  --max-boxes N           most boxes a picture (default: the detector's)
  --whole-frame MODE      also look at the whole picture: always, fallback (when nothing was detected), never
                          (default: fallback)
  --nms-iou T             overlap (IoU) from which recognized boxes exclude each other, 0..1 (default: 0.3)
${networkHelp}`

/** Worker threads for a network, on the providers that were asked for. */
export function workersFor(values: Values): WorkerOptions {
  const providers = texts(values, 'execution-provider')
  return {
    ...defaultWorkers(),
    executionProviders: providers.length > 0 ? providers : ['cpu'],
    executionFallback: flag(values, 'execution-fallback'),
  }
}

const modelsFolder = (values: Values): string => text(values, 'models') ?? bundledModels

export const detectorOf = (values: Values): Promise<Model<DetectorManifest>> => readDetector(modelsFolder(values))

export const embedderOf = (values: Values): Promise<Model<EmbedderManifest>> => readEmbedder(modelsFolder(values))

export const modelsOf = async (values: Values): Promise<Models> => ({
  detector: await detectorOf(values),
  embedder: await embedderOf(values),
})

/** Opens the gallery named by --gallery with the embedder in use. */
export async function galleryOf(
  values: Values,
  embedder: Model<EmbedderManifest>,
  { env, err }: Pick<Terminal, 'env' | 'err'>,
  mode: OpenMode = 'read',
): Promise<Gallery> {
  const location = requiredText(values, 'gallery')
  const apiKey = env['SIGHTLINE_QDRANT_API_KEY']
  const warning = plainKeyWarning(location, apiKey)
  if (warning !== null) err(warning)
  return openGallery(location, galleryEmbedder(embedder.manifest), mode, { apiKey })
}

export const recognitionOf = (values: Values): RecognitionOptions => ({
  threshold: number(values, 'threshold', { min: -1, max: 1 }),
  labelThresholds: labelThresholds(values),
  detectionThreshold: number(values, 'detection-threshold', { min: 0, max: 1 }),
  detectionNmsIou: number(values, 'detection-nms-iou', { min: 0, max: 1 }),
  maxBoxes: number(values, 'max-boxes', { min: 1, max: 1000, integer: true }),
  wholeFrame: choice(values, 'whole-frame', ['always', 'fallback', 'never']),
  nmsIou: number(values, 'nms-iou', { min: 0, max: 1 }),
})

function labelThresholds(values: Values): ReadonlyMap<string, number> {
  const given = values['label-threshold']
  const thresholds = new Map<string, number>()
  for (const one of Array.isArray(given) ? given : []) {
    const [, label, threshold] = /^(.+)=([^=]+)$/.exec(String(one)) ?? []
    const parsed = Number(threshold)
    if (label === undefined || !(parsed >= -1 && parsed <= 1)) {
      throw usageError(`--label-threshold takes LABEL=T with T from -1 to 1, not '${one}'`)
    }
    thresholds.set(label, parsed)
  }
  return thresholds
}
