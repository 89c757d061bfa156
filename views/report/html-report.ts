/** Writes what a run saw as one self-contained page: no network, no other files, nothing of a label ever run. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { html, type Markup, trusted } from './html.ts'
import { pageStyle } from './page-style.ts'
import type { ReportData } from './report-data.ts'
import {
  booksSection,
  camerasSection,
  gallerySection,
  itemsSection,
  modelsSection,
  scoreSection,
  timesSection,
  unknownsSection,
} from './sections.ts'

/** Enlarges a frame that is clicked; the page is whole without it. */
const script = `
const dialog = document.querySelector('dialog')
const large = dialog.querySelector('img')
document.addEventListener('click', (event) => {
  const button = event.target.closest('.frame button')
  if (button) {
    const small = button.querySelector('img')
    large.src = small.src
    large.alt = small.alt
    dialog.showModal()
  } else if (event.target.closest('dialog')) dialog.close()
})
`

/** Returns the path of the page, `index.html` in the folder, which is made if it is missing. */
export async function writeReport(folder: string, data: ReportData): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'index.html')
  await writeFile(path, await renderReport(data))
  return path
}

export async function renderReport(data: ReportData): Promise<string> {
  const sections: readonly Markup[] = [
    booksSection(data),
    scoreSection(data.score),
    await camerasSection(data),
    await itemsSection(data),
    await unknownsSection(data),
    timesSection(data),
    await gallerySection(data),
    modelsSection(data),
  ]
  const seconds = (data.durationMs / 1000).toFixed(1)
  const made = data.createdAt.toISOString().replace('T', ' ').slice(0, 19)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${data.title}</title>
<style>${trusted(pageStyle)}</style>
</head>
<body>
<main>
<header><h1>${data.title}</h1><p>${made} UTC · ${seconds} s · ${data.machine}</p></header>
${sections}
</main>
<dialog aria-label="Enlarged frame"><img alt=""></dialog>
<script>${trusted(script)}</script>
</body>
</html>
`
  return page.text
}

/** Nothing may be loaded or run but what the page itself holds: the one script is known by its hash. */
function policy(): string {
  const hash = createHash('sha256').update(script).digest('base64')
  return `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
}
