/**
 * `npm run bench`: pictures a second of the whole pipeline in one process, beside the networks alone on the same cores.
 *
 * npm run bench -- [--frames N] [--runs N] [--pictures DIR] [--json]
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { openPipeline } from '../pipeline/pipeline.ts'
import { pipelineSettings } from '../pipeline/settings.ts'
import type { RecognitionEvent } from '../shared/contracts/recognition-event.ts'
import { galleryEmbedder } from '../shared/gallery/gallery.ts'
import { openGallery } from '../shared/gallery/open-gallery.ts'
import type { Model } from '../shared/inference/model-manifest.ts'
import { bundledModels, readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { openOnnxSession } from '../shared/inference/onnx-session.ts'
import type { Session } from '../shared/inference/session.ts'
import { defaultWorkers } from '../shared/inference/workers.ts'
import { valuesFor } from '../shared/process/settings.ts'
import { sampleFrames } from './frames.ts'
import { machine, median } from './machine.ts'
import { play } from './play.ts'

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '120' },
    runs: { type: 'string', default: '5' },
    pictures: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const count = Number(values.frames)
const runs = Number(values.runs)

const openBare = (model: Model): Promise<Session<number, number>> =>
  openOnnxSession({
    model,
    task: new URL('./bare-task.ts', import.meta.url),
    contract: model.manifest.input,
    ...defaultWorkers(),
  })

/**
 * Seconds for the networks alone to do what a run of the pipeline asks of them, side by side on the same cores; with
 * `pictures` decoded beside them, for no pipeline sees what it has not decoded.
 */
async function limit(count: number, crops: number, pictures: readonly Uint8Array[]): Promise<number> {
  const started = performance.now()
  await Promise.all([
    ...pictures.map((bytes) => sharp(bytes).raw().toBuffer()),
    ...Array.from({ length: count }, (_, index) => detector.submit(index)),
    ...Array.from({ length: crops }, (_, index) => embedder.submit(index)),
  ])
  return (performance.now() - started) / 1000
}

const models = { detector: await readDetector(bundledModels), embedder: await readEmbedder(bundledModels) }
const frames = await sampleFrames(values.pictures)
const folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'gallery')
await using _gallery = await openGallery(folder, galleryEmbedder(models.embedder.manifest), 'create')
await using pipeline = await openPipeline(valuesFor(pipelineSettings, { gallery: folder }))
await using detector = await openBare(models.detector)
await using embedder = await openBare(models.embedder)

const events: RecognitionEvent[] = []
await play(pipeline, frames, Math.min(count, 16), () => undefined)
const rows: { readonly pipeline: number; readonly limit: number; readonly decoding: number }[] = []
for (let run = 0; run < runs; run += 1) {
  let crops = 0
  const seconds = await play(pipeline, frames, count, (event) => {
    // A frame without a detection was still embedded once, as a whole.
    crops += Math.max(event.objects.length, 1)
    events.push(event)
  })
  const bare = await limit(count, crops, [])
  const played = Array.from({ length: count }, (_, index) => frames[index % frames.length]!)
  const decoding = await limit(count, crops, played)
  rows.push({ pipeline: count / seconds, limit: count / bare, decoding: count / decoding })
  process.stderr.write(
    `run ${run + 1} of ${runs}: ${(count / seconds).toFixed(1)} pictures/s, limit ${(count / bare).toFixed(1)}\n`,
  )
}

const result = {
  machine: machine(),
  models: [models.detector.manifest.name, models.embedder.manifest.name],
  frames: count,
  objectsPerFrame: events.reduce((sum, { objects }) => sum + objects.length, 0) / events.length,
  picturesPerSecond: median(rows.map((row) => row.pipeline)),
  limitPerSecond: median(rows.map((row) => row.limit)),
  ratio: median(rows.map((row) => row.pipeline / row.limit)),
  decodingPerSecond: median(rows.map((row) => row.decoding)),
  decodingRatio: median(rows.map((row) => row.pipeline / row.decoding)),
  medianMs: Object.fromEntries(
    (['decodeMs', 'detectMs', 'embedMs', 'matchMs'] as const).map((name) => [
      name,
      median(events.map(({ timings }) => timings[name])),
    ]),
  ),
}
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
else {
  const stages = Object.entries(result.medianMs).map(([name, ms]) => `| ${name} | ${ms.toFixed(1)} |`)
  process.stdout.write(
    [
      `${result.machine}; ${result.models.join(' + ')}; ${count} frames, ${result.objectsPerFrame.toFixed(1)} objects each, median of ${runs} runs`,
      '',
      '| | pictures/s | the pipeline is |',
      '|---|---|---|',
      `| the networks alone (the limit) | ${result.limitPerSecond.toFixed(1)} | ${result.ratio.toFixed(2)} of it |`,
      `| the networks, and sharp decoding the pictures | ${result.decodingPerSecond.toFixed(1)} | ${result.decodingRatio.toFixed(2)} of it |`,
      `| the whole pipeline | ${result.picturesPerSecond.toFixed(1)} | |`,
      '',
      '| stage, waiting for a batch included | median ms |',
      '|---|---|',
      ...stages,
      '',
    ].join('\n'),
  )
}
