/** The report's sections as markup. */
import type { RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import { embed, embedPart } from './embed.ts'
import { html, type Markup, nothing } from './html.ts'
import {
  itemsSeen,
  type ReportData,
  type ReportFrame,
  type ReportItem,
  type Score,
  sample,
  stageTimes,
  unknownsSeen,
} from './report-data.ts'

/** Frames shown a camera, unknowns and gallery pictures shown: a report is looked at, not searched. */
const most = { frames: 36, unknowns: 18, pictures: 4, items: 60 }

export function booksSection({ books }: ReportData): Markup {
  const { frames, events, deadLettered, skipped } = books
  const open = frames - events - deadLettered
  const term = (count: number, noun: string, note = ''): Markup =>
    html`<div class="term"><b>${count}</b><span>${count === 1 ? noun : `${noun}s`}${note}</span></div>`
  const verdict =
    open === 0
      ? html`<span class="verdict closed">The books close</span>`
      : html`<span class="verdict open">${open} unaccounted for</span>`
  return html`<div class="card books">${term(frames, 'frame')}<span class="sign">=</span>${term(events, 'event', skipped === 0 ? '' : `, ${skipped} of a skipped frame`)}<span class="sign">+</span>${term(deadLettered, 'dead letter')}${verdict}</div>`
}

export function scoreSection(score: Score | null): Markup {
  if (score === null) return nothing
  const share = (part: number, whole: number, what: string): Markup => {
    const percent = whole === 0 ? 0 : (100 * part) / whole
    return html`<div class="card"><b>${part} <small>of ${whole} · ${percent.toFixed(0)} %</small></b><p>${what}</p><div class="bar"><i style="width:${percent.toFixed(1)}%"></i></div></div>`
  }
  return html`<div class="score">${share(score.enrolledFound + score.foreignFound, score.enrolled + score.foreign, 'objects really in view were found')}${share(score.enrolledNamed, score.enrolledFound, 'found objects of the gallery got the right name')}${share(score.foreignUnknown, score.foreignFound, 'found objects of no gallery item came out as unknown')}</div>`
}

export async function camerasSection({ frames }: ReportData): Promise<Markup> {
  const cameras = [...new Set(frames.map(({ camera }) => camera))]
  return html`<section><h2>Cameras</h2>${await Promise.all(
    cameras.map((camera) =>
      cameraStrip(
        camera,
        frames.filter((frame) => frame.camera === camera),
      ),
    ),
  )}</section>`
}

async function cameraStrip(camera: string, frames: readonly ReportFrame[]): Promise<Markup> {
  const shown = sample(frames, most.frames, ({ outcome }) => outcome.kind === 'deadLetter')
  const objects = frames.flatMap(({ outcome }) => (outcome.kind === 'event' ? outcome.event.objects : []))
  const left = shown.length < frames.length ? html` · ${shown.length} shown` : nothing
  return html`<h3><bdi>${camera}</bdi><small>${frames.length} frames · ${objects.length} objects · ${objects.filter(({ item }) => item === null).length} unknown${left}</small></h3><div class="strip" tabindex="0" role="group" aria-label="Frames of ${camera}">${await Promise.all(shown.map(frameCard))}</div>`
}

async function frameCard(frame: ReportFrame): Promise<Markup> {
  const { outcome, name } = frame
  if (outcome.kind === 'deadLetter') {
    return html`<figure class="card frame"><div class="none">Dead letter</div><figcaption><div class="when"><bdi>${name}</bdi><span>${outcome.stage}</span></div><div class="what"><span class="tag bad"><b>${outcome.code}</b> ${outcome.reason}</span></div></figcaption></figure>`
  }
  const { event, drawn } = outcome
  const when = html`<div class="when"><bdi>${name}</bdi><span>${Math.round(event.timings.totalMs)} ms</span></div>`
  if (event.skipped !== null) {
    return html`<figure class="card frame"><div class="none skipped">Skipped: ${event.skipped}</div><figcaption>${when}<div class="what"><span class="empty">not computed, still accounted for</span></div></figcaption></figure>`
  }
  const source = drawn === null ? null : await embed(drawn, 760, 760)
  const picture =
    source === null
      ? html`<div class="none skipped">no picture</div>`
      : html`<button type="button" aria-label="Enlarge ${name}"><img src="${source}" alt="${altOf(event.objects)}" loading="lazy"></button>`
  const what = event.objects.length === 0 ? html`<span class="empty">nothing in view</span>` : event.objects.map(tag)
  return html`<figure class="card frame">${picture}<figcaption>${when}<div class="what">${what}</div></figcaption></figure>`
}

const altOf = (objects: readonly RecognizedObject[]): string =>
  objects.length === 0 ? 'nothing in view' : objects.map(({ label }) => label ?? 'unknown').join(', ')

const tag = ({ item, label, score }: RecognizedObject): Markup =>
  item === null
    ? html`<span class="tag unknown">unknown ${score.toFixed(2)}</span>`
    : html`<span class="tag"><bdi>${label ?? item}</bdi> ${score.toFixed(2)}</span>`

export async function itemsSection({ frames, gallery }: ReportData): Promise<Markup> {
  const seen = itemsSeen(frames)
  const unknowns = unknownsSeen(frames)
  if (seen.length === 0 && unknowns.length === 0) return nothing
  const pictures = new Map(gallery.map(({ item, pictures }) => [item, pictures[0]]))
  const rows = await Promise.all(
    seen.slice(0, 200).map(async ({ item, label, count, cameras, bestScore }) => {
      const picture = pictures.get(item)
      const source = picture === undefined ? null : await embed(picture, 88, 88)
      const image = source === null ? nothing : html`<img src="${source}" alt="" loading="lazy">`
      return html`<tr><td class="thumb">${image}</td><td class="name"><bdi>${label}</bdi></td><td class="number">${count}</td><td class="cameras">${cameras.join(', ')}</td><td class="number">${bestScore.toFixed(2)}</td><td class="meter"><div class="bar"><i style="width:${Math.max(0, Math.min(100, bestScore * 100)).toFixed(1)}%"></i></div></td></tr>`
    }),
  )
  const best = unknowns.reduce((highest, { object }) => Math.max(highest, object.score), 0)
  const unknownRow =
    unknowns.length === 0
      ? nothing
      : html`<tr><td class="thumb"></td><td class="name"><span class="tag unknown">unknown</span></td><td class="number">${unknowns.length}</td><td class="cameras">${[...new Set(unknowns.map(({ frame }) => frame.camera))].join(', ')}</td><td class="number">${best.toFixed(2)}</td><td class="meter"></td></tr>`
  return html`<section><h2>Items seen</h2><div class="card scroll"><table><thead><tr><th></th><th>Item</th><th class="number">Times</th><th class="cameras">Cameras</th><th class="number">Best score</th><th class="meter"></th></tr></thead><tbody>${rows}${unknownRow}</tbody></table></div></section>`
}

export async function unknownsSection({ frames }: ReportData): Promise<Markup> {
  const unknowns = unknownsSeen(frames)
  if (unknowns.length === 0) return nothing
  const shown = sample(unknowns, most.unknowns, () => false)
  const cards = await Promise.all(
    shown.map(async ({ frame, object }) => {
      const source = await embedPart(frame.bytes, object.box, 240, 240)
      if (source === null) return nothing
      const nearest = object.candidates[0]
      const guess =
        nearest === undefined
          ? html`no candidate`
          : html`nearest <bdi>${nearest.label}</bdi> ${nearest.score.toFixed(2)}`
      return html`<figure class="card"><img src="${source}" alt="unknown object" loading="lazy"><figcaption><b><bdi>${frame.camera}</bdi></b>${guess}</figcaption></figure>`
    }),
  )
  return html`<section><h2>Unknown objects</h2><div class="crops">${cards}</div><p class="note">${shown.length} of ${unknowns.length}: found, but not similar enough to any picture of the gallery. Enrol them to have them named.</p></section>`
}

export function timesSection({ frames }: ReportData): Markup {
  const times = stageTimes(frames)
  if (times.length === 0) return nothing
  const longest = Math.max(...times.map(({ most }) => most), 1)
  const at = (ms: number): string => ((100 * ms) / longest).toFixed(2)
  const rows = times.map(({ stage, least, median, p95, most }) => {
    const chart = html`<svg viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true"><rect x="0" y="8" width="100" height="2" fill="var(--line)"/><rect x="${at(least)}" y="8" width="${at(most - least)}" height="2" fill="var(--soft)"/><rect x="${at(least)}" y="4" width="${at(p95 - least)}" height="10" rx="1" fill="var(--accent)" fill-opacity=".35"/><rect x="${at(median)}" y="2" width=".7" height="14" fill="var(--accent)"/></svg>`
    return html`<tr><th scope="row">${stage}</th><td class="number">${median.toFixed(1)}</td><td class="number">${p95.toFixed(1)}</td><td class="number">${most.toFixed(1)}</td><td class="chart">${chart}</td></tr>`
  })
  return html`<section><h2>Time by stage</h2><div class="card scroll times"><table><thead><tr><th>ms a frame</th><th class="number">Median</th><th class="number">95 %</th><th class="number">Most</th><th></th></tr></thead><tbody>${rows}</tbody></table></div><p class="note">Waiting for a place in a batch is included. The bar spans the fastest frame to the 95th percentile, its mark is the median; total runs from the frame's capture to its event.</p></section>`
}

export async function gallerySection({ gallery }: ReportData): Promise<Markup> {
  if (gallery.length === 0) return nothing
  const cards = await Promise.all(gallery.slice(0, most.items).map(galleryCard))
  const pictures = gallery.reduce((sum, item) => sum + item.pictures.length, 0)
  return html`<section><h2>Gallery</h2><div class="gallery">${cards}</div><p class="note">${gallery.length} items, ${pictures} pictures.</p></section>`
}

async function galleryCard({ label, pictures }: ReportItem): Promise<Markup> {
  const sources = await Promise.all(pictures.slice(0, most.pictures).map((picture) => embed(picture, 112, 112)))
  const images = sources.map((source) =>
    source === null ? nothing : html`<img src="${source}" alt="" loading="lazy">`,
  )
  return html`<figure class="card"><div class="row">${images}</div><figcaption><bdi>${label}</bdi><small>${pictures.length} pictures</small></figcaption></figure>`
}

export function modelsSection({ frames }: ReportData): Markup {
  const outcome = frames.map(({ outcome }) => outcome).find((one) => one.kind === 'event')
  if (outcome === undefined) return nothing
  const { models, thresholds, gallery } = outcome.event
  const row = (what: string, { name, sha256 }: { readonly name: string; readonly sha256: string }, t: number): Markup =>
    html`<tr><th scope="row">${what}</th><td class="name"><bdi>${name}</bdi></td><td class="number">${t.toFixed(2)}</td><td><code>${sha256}</code></td></tr>`
  return html`<section><h2>Models</h2><div class="card scroll"><table><thead><tr><th></th><th>Name</th><th class="number">Threshold</th><th>SHA-256</th></tr></thead><tbody>${row('detector', models.detector, thresholds.detection)}${row('embedder', models.embedder, thresholds.recognition)}</tbody></table></div><p class="note">Gallery revision ${gallery.revision}: ${gallery.entries} pictures of ${gallery.items} items.</p></section>`
}
