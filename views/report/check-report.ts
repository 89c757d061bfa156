/** What a check of a gallery found, as one self-contained page with the pictures that it is about. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CheckedPicture, GalleryCheck, ThresholdPoint } from './check-data.ts'
import { embedPart } from './embed.ts'
import { html, type Markup, nothing, trusted } from './html.ts'
import { pageStyle } from './page-style.ts'

export interface CheckPictures {
  /** The bytes of a picture's file and the part of it that is enrolled; null where the file is not there. */
  read(picture: CheckedPicture): Promise<{ readonly bytes: Uint8Array; readonly box: Box | null } | null>
}

type Box = readonly [x1: number, y1: number, x2: number, y2: number]

/** Shown of each kind: the page is looked at, not searched. */
const most = 60
const side = 180

export async function writeCheckReport(file: string, check: GalleryCheck, pictures: CheckPictures): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, await renderCheck(check, pictures))
}

export async function renderCheck(check: GalleryCheck, pictures: CheckPictures): Promise<string> {
  const { info, recall } = check
  const shown = (picture: CheckedPicture, note: string): Promise<Markup> => figure(pictures, picture, note)
  const doubtful = await inOrder(check.doubtful, async ({ picture, own, other, otherPicture }) =>
    pair(
      await shown(picture, `enrolled as ${picture.label}, ${own.score.toFixed(2)} like its own`),
      await shown(otherPicture, `${other.label}, ${other.score.toFixed(2)}`),
    ),
  )
  const duplicates = await inOrder(check.duplicates, async ({ pictures: [a, b], score, isCopy }) =>
    pair(await shown(a, a.label), await shown(b, `${b.label}, ${isCopy ? 'the same bytes' : score.toFixed(3)}`)),
  )
  const close = await inOrder(check.close, async ({ items: [a, b], pictures: [first, second], score, confused }) =>
    pair(
      await shown(first, a.label),
      await shown(second, `${b.label}, ${score.toFixed(2)}${confused > 0 ? `, ${confused} confused` : ''}`),
    ),
  )
  const title = `Gallery check: ${check.location}`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${trusted(pageStyle)}
.pairs { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
.pairs .crops { padding: 10px; grid-template-columns: 1fr 1fr; }
</style>
</head>
<body>
<main>
<header><h1>${title}</h1><p>${info.entries} pictures of ${info.items} items · revision ${info.revision} · vectors of ${info.embedder.name} · ${recall === null ? 'no item has two pictures' : `${percent(recall)} named rightly when left out`}</p></header>
${thresholdsSection(check)}
${pairsSection('Pictures that may have the wrong label', doubtful, check.doubtful.length)}
${pairsSection('The same picture twice, or nearly', duplicates, check.duplicates.length)}
${pairsSection('Items too close to tell apart', close, check.close.length)}
${itemsSection(check)}
${reliabilitySection(check)}
</main>
</body>
</html>
`.text
}

/** One after the other: each is a picture decoded. */
async function inOrder<One>(all: readonly One[], render: (one: One) => Promise<Markup>): Promise<readonly Markup[]> {
  const rendered: Markup[] = []
  for (const one of all.slice(0, most)) rendered.push(await render(one))
  return rendered
}

async function figure(pictures: CheckPictures, picture: CheckedPicture, note: string): Promise<Markup> {
  const found = await pictures.read(picture)
  const box = found?.box ?? null
  const source = found === null ? null : await embedPart(found.bytes, box === null ? null : [...box], side, side)
  const image =
    source === null ? html`<span class="empty">no file</span>` : html`<img src="${source}" alt="" loading="lazy">`
  return html`<figure class="card">${image}<figcaption><b><bdi>${note}</bdi></b><bdi>${picture.id}</bdi></figcaption></figure>`
}

const pair = (a: Markup, b: Markup): Markup => html`<div class="card crops">${a}${b}</div>`

function pairsSection(title: string, pairs: readonly Markup[], all: number): Markup {
  if (all === 0) return nothing
  const left = pairs.length < all ? html` <small>${pairs.length} of ${all} shown</small>` : nothing
  return html`<section><h2>${title} (${all})${left}</h2><div class="pairs">${pairs}</div></section>`
}

function thresholdsSection({ asked, thresholds: { current, suggested, careful, curve, items } }: GalleryCheck): Markup {
  if (suggested === null) return nothing
  const line = (what: string, point: ThresholdPoint | null): Markup =>
    point === null
      ? nothing
      : html`<tr><td class="name">${what}</td><td class="number">${point.threshold.toFixed(3)}</td><td class="number">${percent(point.falseAccept)}</td><td class="number">${percent(point.falseReject)}</td></tr>`
  const rows = [
    line('in force', current),
    line('suggested: least errors', suggested),
    line('careful: at most 1 % accepted', careful),
  ]
  const steps = curve.filter((_point, index) => index % Math.max(1, Math.ceil(curve.length / 20)) === 0)
  const own = items.map(
    ({ label, threshold, falseAccepts, falseRejects }) =>
      html`<tr><td class="name"><bdi>${label}</bdi></td><td class="number">${threshold}</td><td class="number">${falseAccepts.join(' → ')}</td><td class="number">${falseRejects.join(' → ')}</td></tr>`,
  )
  const head = html`<thead><tr><th></th><th class="number">threshold</th><th class="number">falsely accepted</th><th class="number">falsely rejected</th></tr></thead>`
  return html`<section><h2>Thresholds</h2><p>${asked === null ? 'By the gallery’s own pictures, each left out once; what cameras see differs more.' : `By ${asked} pictures of cameras.`}</p><div class="card scroll"><table>${head}<tbody>${rows}${steps.map((point) => line('', point))}</tbody></table></div>${own.length === 0 ? nothing : html`<h3>Items with a threshold of their own</h3><div class="card scroll"><table>${head}<tbody>${own}</tbody></table></div>`}</section>`
}

function itemsSection({ items }: GalleryCheck): Markup {
  const rows = items
    .slice(0, 10 * most)
    .map(
      ({ label, pictures, distinct, recall, likeness, isEnough, advice }) =>
        html`<tr><td class="name"><bdi>${label}</bdi></td><td class="number">${pictures}</td><td class="number">${distinct}</td><td class="number">${recall === null ? '–' : percent(recall)}</td><td class="number">${likeness === null ? '–' : likeness.toFixed(2)}</td><td>${isEnough ? 'enough' : advice.map((text) => html`<div>${text}</div>`)}</td></tr>`,
    )
  return html`<section><h2>Items (${items.length})</h2><div class="card scroll"><table><thead><tr><th>item</th><th class="number">pictures</th><th class="number">differ</th><th class="number">recall@1</th><th class="number">alike</th><th>what is missing</th></tr></thead><tbody>${rows}</tbody></table></div></section>`
}

function reliabilitySection({ reliability }: GalleryCheck): Markup {
  if (reliability === null) return nothing
  const rows = reliability.bins.map(
    ({ from, to, answers, said, right }) =>
      html`<tr><td>${percent(from)} – ${percent(to)}</td><td class="number">${answers}</td><td class="number">${percent(said)}</td><td class="number">${percent(right)}</td><td class="meter"><div class="bar"><i style="width:${(100 * right).toFixed(1)}%"></i></div></td></tr>`,
  )
  return html`<section><h2>Probability</h2><p>What the calibration says, beside what was right, on items that it was not learnt from: ${(100 * reliability.error).toFixed(1)} points off on average.</p><div class="card scroll"><table><thead><tr><th>said</th><th class="number">answers</th><th class="number">mean</th><th class="number">right</th><th></th></tr></thead><tbody>${rows}</tbody></table></div></section>`
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
