/**
 * `node bench/memory.ts [--frames 10000] [--pictures DIR]`: does memory stay flat, and is the event loop ever blocked?
 *
 * Plays the frames through the pipeline in one process; samples the resident memory and the delay of the event loop.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { openPipeline } from '../pipeline/pipeline.ts'
import { pipelineSettings } from '../pipeline/settings.ts'
import { galleryEmbedder } from '../shared/gallery/gallery.ts'
import { openGallery } from '../shared/gallery/open-gallery.ts'
import { bundledModels, readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { valuesFor } from '../shared/process/settings.ts'
import { sampleFrames } from './frames.ts'
import { machine, median } from './machine.ts'
import { play } from './play.ts'

const { values } = parseArgs({
  options: { frames: { type: 'string', default: '10000' }, pictures: { type: 'string' } },
})
const count = Number(values.frames)

const models = { detector: await readDetector(bundledModels), embedder: await readEmbedder(bundledModels) }
const frames = await sampleFrames(values.pictures)
const folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'gallery')
await using _gallery = await openGallery(folder, galleryEmbedder(models.embedder.manifest), 'create')
await using pipeline = await openPipeline(valuesFor(pipelineSettings, { gallery: folder }))

// Allocators grow into their size during the first frames.
await play(pipeline, frames, Math.min(500, count), () => undefined)
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
const samples: number[] = []
let seen = 0
const seconds = await play(pipeline, frames, count, () => {
  seen += 1
  if (seen % Math.max(Math.floor(count / 40), 1) === 0) {
    samples.push(process.memoryUsage.rss() / 2 ** 20)
    process.stderr.write(`${seen} of ${count} frames, ${samples.at(-1)!.toFixed(0)} MiB\n`)
  }
})
delay.disable()

const quarter = Math.max(Math.floor(samples.length / 4), 1)
const ms = (nanoseconds: number): string => (nanoseconds / 1e6).toFixed(1)
process.stdout.write(
  [
    `${machine()}; ${count} frames in ${seconds.toFixed(0)} s`,
    '',
    '| | |',
    '|---|---|',
    `| resident memory, median of the first quarter | ${median(samples.slice(0, quarter)).toFixed(0)} MiB |`,
    `| resident memory, median of the last quarter | ${median(samples.slice(-quarter)).toFixed(0)} MiB |`,
    `| event loop delay p50 / p99 / max | ${ms(delay.percentile(50))} / ${ms(delay.percentile(99))} / ${ms(delay.max)} ms |`,
    '',
  ].join('\n'),
)
