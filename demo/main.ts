/**
 * `npm start`: builds a small gallery of made-up products, plays three sample cameras through the whole pipeline, shows
 * the events as they come, and leaves annotated pictures and a report behind. Ends by itself.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { subscribeAnswers } from '@sightline/pipeline/answers.ts'
import { Books } from '@sightline/pipeline/books.ts'
import { enrol } from '@sightline/pipeline/enrol.ts'
import type { LabelledPicture } from '@sightline/pipeline/label-file.ts'
import { openPipeline } from '@sightline/pipeline/pipeline.ts'
import { pipelineSettings } from '@sightline/pipeline/settings.ts'
import type { Answer } from '@sightline/shared/contracts/answer.ts'
import { encodeFrame } from '@sightline/shared/contracts/frame.ts'
import { frameId } from '@sightline/shared/contracts/ids.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import { galleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import type { EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { defaultWorkers } from '@sightline/shared/inference/workers.ts'
import { valuesFor } from '@sightline/shared/process/settings.ts'
import { drawEvent } from '@sightline/views/draw/draw-event.ts'
import { writeReport } from '@sightline/views/report/html-report.ts'
import type { ReportFrame, ReportItem } from '@sightline/views/report/report-data.ts'
import { deadLetterLine, eventLine, summaryLine } from '@sightline/views/terminal/live-view.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'
import { styleFor } from '@sightline/views/terminal/style.ts'
import pLimit from 'p-limit'
import { galleryPictures } from './gallery-pictures.ts'
import { demoThreshold, products } from './products.ts'
import { type SceneFrame, sceneFrames } from './scenes.ts'
import { addScores, noScore, scoreFrame } from './score.ts'
import { makeStock, type Stock } from './shooting.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    threshold: { type: 'string', default: String(demoThreshold) },
  },
})

const seed = 'sightline'
const framesOfEach = 24
const picturesOfEach = 5
const framesAhead = 12
/** One camera sends half a picture: the dead letter shows what becomes of it. */
const broken = { camera: 'checkout', index: 9 }
/** One frame comes an hour late: it is not computed, and still ends in an event that says so. */
const late = { camera: 'conveyor', index: 14 }
const hour = 3_600_000
const out = fileURLToPath(new URL('../out/demo/', import.meta.url))

const style = styleFor(process.stdout.isTTY === true, process.env)
const say = (text: string): void => {
  if (!values.json) process.stdout.write(`${text}\n`)
}
const sayJson = (value: unknown): void => {
  if (values.json) process.stdout.write(`${JSON.stringify(value)}\n`)
}
const isFrame = ({ camera, index }: SceneFrame, other: typeof broken): boolean =>
  camera === other.camera && index === other.index

async function fillGallery(
  stock: Stock,
  gallery: Gallery,
  embedder: Model<EmbedderManifest>,
): Promise<readonly ReportItem[]> {
  const folder = join(out, 'gallery')
  await mkdir(folder, { recursive: true })
  const enrolled = products.filter(({ isEnrolled }) => isEnrolled)
  const terminal = { isInteractive: process.stderr.isTTY === true && !values.json }
  const total = enrolled.length * picturesOfEach
  const pictures: LabelledPicture[] = []
  const photographs = new Map<string, Uint8Array[]>()
  {
    using progress = openProgress(terminal, 'photographing', total)
    for await (const { name, item, label, jpeg } of galleryPictures(stock, seed, picturesOfEach)) {
      const file = join(folder, name)
      await writeFile(file, jpeg)
      pictures.push({ path: name, file, item, label })
      photographs.set(item, [...(photographs.get(item) ?? []), jpeg])
      progress.advance()
    }
  }
  using progress = openProgress(terminal, 'enrolling', total)
  await using session = await openEmbedderSession(embedder, defaultWorkers())
  await enrol(gallery, { pictures, session, onPicture: () => progress.advance() })
  return enrolled.map(({ item, label }) => ({ item, label, pictures: photographs.get(item) ?? [] }))
}

/** Draws a few pictures at a time, while the next frames are recognized. */
const drawing = pLimit(2)

async function reportFrame(
  { camera, index, jpeg }: SceneFrame,
  bytes: Uint8Array,
  answer: Answer,
): Promise<ReportFrame> {
  const name = `${camera}-${String(index).padStart(2, '0')}.jpg`
  if (answer.kind === 'deadLetter') return { camera, name, bytes, outcome: answer }
  const drawn = await drawEvent(jpeg, answer.event)
  await writeFile(join(out, 'frames', name), drawn)
  return { camera, name, bytes, outcome: { kind: 'event', event: answer.event, drawn } }
}

const started = performance.now()
await rm(out, { recursive: true, force: true })
await mkdir(join(out, 'frames'), { recursive: true })
const embedder = await readEmbedder(bundledModels)
const location = join(out, 'products.gallery')
const threshold = Number(values.threshold)
await using gallery = await openGallery(location, { ...galleryEmbedder(embedder.manifest), threshold }, 'create')
const stock = await makeStock()
say('Photographing made-up products for the gallery …')
const items = await fillGallery(stock, gallery, embedder)
const { entries } = await gallery.info()
say(`${items.length} products enrolled with ${entries} pictures. Three cameras are watching:\n`)

await using pipeline = await openPipeline(
  valuesFor(pipelineSettings, { gallery: location, maxFrameAgeSeconds: hour / 2 / 1000 }),
)
const books = new Books()
const published = new Map<string, { readonly frame: SceneFrame; readonly bytes: Uint8Array }>()
const frames: Promise<ReportFrame>[] = []
let score = noScore
{
  await using _answers = await subscribeAnswers(pipeline, 'demo', (answer) => {
    books.ended(answer)
    if (answer.kind === 'event') {
      sayJson(answer.event)
      say(eventLine(answer.event, style))
    } else {
      // With --json, stdout is for events and the summary alone.
      const stream = values.json ? process.stderr : process.stdout
      stream.write(`${deadLetterLine(answer, style)}\n`)
    }
    const known = published.get(answer.frameId)
    if (known === undefined) return
    const { frame, bytes } = known
    if (answer.kind === 'event' && answer.event.skipped === null) {
      score = addScores(score, scoreFrame(frame.truth, answer.event))
    }
    frames.push(drawing(() => reportFrame(frame, bytes, answer)))
  })
  for await (const frame of sceneFrames(stock, seed, framesOfEach)) {
    await books.roomFor(framesAhead)
    const id = String(frame.index).padStart(2, '0')
    const bytes = isFrame(frame, broken) ? frame.jpeg.subarray(0, frame.jpeg.length / 2) : frame.jpeg
    published.set(frameId(frame.camera, '', id), { frame, bytes })
    const capturedAt = new Date(Date.now() - (isFrame(frame, late) ? hour : 0))
    const message = { camera: frame.camera, bytes, id, source: `${frame.camera}-${id}.jpg`, capturedAt }
    books.published()
    await pipeline.bus.publish([encodeFrame(pipeline.topics.frames, message)])
  }
  await Promise.race([books.closed(), pipeline.closed])
}

const { summary } = books
const report = await writeReport(out, {
  title: 'Sightline: three sample cameras',
  createdAt: new Date(),
  durationMs: performance.now() - started,
  machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? process.arch}, Node ${process.version}, ${process.platform}`,
  books: summary,
  frames: (await Promise.all(frames)).sort((a, b) => a.name.localeCompare(b.name)),
  gallery: items,
  score,
})
sayJson({ type: 'summary', ...summary })
const share = (part: number, whole: number): string => `${part} of ${whole}`
say(`
${summaryLine(summary, style)}
${share(score.enrolledFound + score.foreignFound, score.enrolled + score.foreign)} objects in view were found; ${share(score.enrolledNamed, score.enrolledFound)} of the gallery got their right name, ${share(score.foreignUnknown, score.foreignFound)} others came out as unknown
${((performance.now() - started) / 1000).toFixed(0)} s. Open ${style.strong(relative(process.cwd(), report))} in a browser; the pictures are beside it.`)
