/**
 * `npm start`: builds a small gallery of made-up products, plays three sample cameras through the whole pipeline, shows
 * the events as they come, and leaves annotated pictures and a report behind. Ends by itself.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { encodeFrame } from '@sightline/shared/contracts/frame.ts'
import { frameId } from '@sightline/shared/contracts/ids.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import { bundledModels, readDetector, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { defaultWorkers } from '@sightline/shared/inference/workers.ts'
import pLimit from 'p-limit'
import { Books } from '../books.ts'
import { drawEvent } from '../draw/draw-event.ts'
import { enrol } from '../enrol.ts'
import type { LabelledPicture } from '../label-file.ts'
import { galleryEmbedder, type Models, openPipeline } from '../pipeline.ts'
import { type Answer, subscribeAnswers } from '../recognize-frames.ts'
import { deadLetterLine, eventLine, summaryLine } from '../terminal/live-view.ts'
import { galleryPictures } from './gallery-pictures.ts'
import { type SceneFrame, sceneFrames } from './scenes.ts'
import { addScores, noScore, scoreFrame } from './score.ts'
import { makeStock, type Stock } from './stage.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })

const seed = 'sightline'
const framesOfEach = 24
const picturesOfEach = 5
const framesAhead = 12
/** One camera sends half a picture: the dead letter shows what becomes of it. */
const broken = { camera: 'checkout', index: 9 }
const out = fileURLToPath(new URL('../../out/demo/', import.meta.url))

const say = (text: string): void => {
  if (!values.json) process.stdout.write(`${text}\n`)
}

async function fillGallery(stock: Stock, gallery: Gallery, { embedder }: Models): Promise<void> {
  const folder = join(out, 'gallery')
  await mkdir(folder, { recursive: true })
  const pictures: LabelledPicture[] = []
  for await (const { name, item, label, jpeg } of galleryPictures(stock, seed, picturesOfEach)) {
    const file = join(folder, name)
    await writeFile(file, jpeg)
    pictures.push({ path: name, file, item, label })
  }
  await using session = await openEmbedderSession(embedder, defaultWorkers())
  await enrol(pictures, gallery, session, () => undefined, new AbortController().signal)
}

/** Draws a few pictures at a time, while the next frames are recognized. */
const drawing = pLimit(2)

async function draw(name: string, jpeg: Uint8Array, answer: Extract<Answer, { kind: 'event' }>): Promise<void> {
  await writeFile(join(out, 'frames', `${name}.jpg`), await drawEvent(jpeg, answer.event))
}

const started = performance.now()
await rm(out, { recursive: true, force: true })
await mkdir(join(out, 'frames'), { recursive: true })
const models = { detector: await readDetector(bundledModels), embedder: await readEmbedder(bundledModels) }
await using gallery = await openGallery(join(out, 'products.gallery'), galleryEmbedder(models.embedder), 'replace')
const stock = await makeStock()
say('Photographing made-up products for the gallery …')
await fillGallery(stock, gallery, models)
const { entries, items } = await gallery.info()
say(`${items} products enrolled with ${entries} pictures. Three cameras are watching:\n`)

await using pipeline = await openPipeline({ models, gallery })
const books = new Books()
const frames = new Map<string, SceneFrame>()
const drawn: Promise<void>[] = []
let score = noScore
{
  await using _answers = await subscribeAnswers(pipeline, 'demo', (answer) => {
    books.ended(answer)
    const frame = frames.get(answer.frameId)
    if (answer.kind === 'deadLetter') {
      if (values.json) process.stdout.write(`${JSON.stringify({ type: 'deadLetter', ...answer, kind: undefined })}\n`)
      say(deadLetterLine(answer))
      return
    }
    if (values.json) process.stdout.write(`${JSON.stringify(answer.event)}\n`)
    say(eventLine(answer.event))
    if (frame === undefined) return
    score = addScores(score, scoreFrame(frame.truth, answer.event))
    drawn.push(drawing(() => draw(`${frame.camera}-${String(frame.index).padStart(2, '0')}`, frame.jpeg, answer)))
  })
  for await (const frame of sceneFrames(stock, seed, framesOfEach)) {
    await books.roomFor(framesAhead)
    const id = String(frame.index).padStart(2, '0')
    const isBroken = frame.camera === broken.camera && frame.index === broken.index
    const bytes = isBroken ? frame.jpeg.subarray(0, frame.jpeg.length / 2) : frame.jpeg
    frames.set(frameId(frame.camera, '', id), frame)
    books.published()
    const source = `${frame.camera}-${id}.jpg`
    await pipeline.bus.publish([encodeFrame(pipeline.topics.frames, { camera: frame.camera, bytes, id, source })])
  }
  await Promise.race([books.closed(), pipeline.closed])
}
await Promise.all(drawn)

const { summary } = books
if (values.json) process.stdout.write(`${JSON.stringify({ type: 'summary', ...summary })}\n`)
const percent = (part: number, whole: number): string => `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`
say(`
${summaryLine(summary)}
${score.objects} objects were in view: ${percent(score.found, score.objects)} found, ${percent(score.right, score.objects)} found and rightly named or rightly called unknown
${((performance.now() - started) / 1000).toFixed(0)} s; pictures with boxes and names are in ${relative(process.cwd(), out)}`)
