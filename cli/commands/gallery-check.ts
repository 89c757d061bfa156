/** `sightline gallery check`: what is wrong with a gallery, what would mend it, and which thresholds fit it. */
import { openEmbedderForm } from '@sightline/embedder/session.ts'
import { askPictures } from '@sightline/evaluation/gallery/ask-pictures.ts'
import { checkGallery } from '@sightline/evaluation/gallery/check-gallery.ts'
import type { LeftOut } from '@sightline/evaluation/gallery/leave-one-out.ts'
import { boxOf, pictureFileOf } from '@sightline/pipeline/enrolled-file.ts'
import { readPictureList } from '@sightline/pipeline/lists/picture-list.ts'
import { readPictureFile } from '@sightline/pipeline/pictures.ts'
import { otherwise, SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import type { GalleryCheck } from '@sightline/views/report/check-data.ts'
import { writeCheckReport } from '@sightline/views/report/check-report.ts'
import { checkLines, isUseless, itemLines } from '@sightline/views/terminal/check-text.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'
import { type Command, flag, type Terminal, text, type Values, workOn } from '../command.ts'
import { tellProblems } from '../gallery-flags.ts'
import {
  embedderOf,
  galleryHelp,
  galleryLocation,
  galleryOptions,
  modelsFolder,
  networkHelp,
  networkOptions,
  openAnyGallery,
  openNamedGallery,
  readWorkers,
} from '../recognition-flags.ts'

const options = {
  ...networkOptions,
  ...galleryOptions,
  queries: { type: 'string' },
  root: { type: 'string' },
  report: { type: 'string' },
  'save-thresholds': { type: 'boolean' },
  'save-calibration': { type: 'boolean' },
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export const galleryCheckCommand: Command = {
  name: 'gallery check',
  summary: 'find wrong, doubled and missing pictures, items that look alike, and the thresholds that fit',
  help: `Usage: sightline gallery check [ITEM] --gallery DIR [OPTIONS]

Each picture is left out once and looked for among the others: is it named rightly, and is it taken for another item when
none of its own is enrolled? With ITEM (its id or label): whether it has enough pictures, and what is missing.

${galleryHelp}
  --report FILE           also a page (HTML) with the pictures, where their files are there
  --root DIR              folder that the pictures' paths start from, for the page and --queries (default: .)
  --queries FILE          a list like 'gallery add' takes, of labelled pictures as your cameras take them, none of
                          them enrolled: thresholds and probability are then told by these. The gallery's own
                          pictures are more alike than what a camera sees, and make both too strict
  --save-thresholds       keep the suggested threshold, and those of single items, with the gallery
  --save-calibration      keep with the gallery what a similarity is worth: events then tell a 'probability'
  --strict                exit code 1 where something was found, or ITEM has not enough
  --json                  all of it as one JSON line
${networkHelp}

Example: sightline gallery check --gallery products.gallery --root pictures/ --report out/check.html`,
  options,
  async run(values, positionals, terminal) {
    const [wanted, ...others] = positionals
    if (others.length > 0) throw usageError('name one item')
    await using gallery = await openAnyGallery(values, terminal)
    const rules = await gallery.rules()
    const location = await galleryLocation(values, terminal)
    const { embedder } = await gallery.info()
    const threshold = rules.threshold ?? embedder.threshold ?? 0.5
    const asked = await ask(gallery, values, terminal)
    const check = await checkGallery(gallery, { location, threshold, asked, work: workOn(terminal) })
    if (check === undefined) {
      terminal.err('stopped; nothing was saved')
      return 1
    }
    if (flag(values, 'save-thresholds') || flag(values, 'save-calibration')) await save(check, values, terminal)
    const page = text(values, 'report')
    if (page !== undefined) {
      const root = text(values, 'root') ?? '.'
      await writeCheckReport(page, check, {
        read: async (picture) => {
          const bytes = await readPictureFile(pictureFileOf(picture, root)).catch(
            otherwise(['FILE_UNREADABLE', 'IMAGE_TOO_LARGE']),
          )
          return bytes === undefined ? null : { bytes, box: boxOf(picture.metadata) }
        },
      })
      terminal.err(`the page is ${page}`)
    }
    return tell(check, wanted, values, terminal)
  },
}

/** Undefined where no pictures of cameras are named. Throws GALLERY_EMBEDDER where the models in use are not the gallery's. */
async function ask(gallery: Gallery, values: Values, terminal: Terminal): Promise<readonly LeftOut[] | undefined> {
  const list = text(values, 'queries')
  if (list === undefined) return undefined
  const { pictures, problems } = await readPictureList(list, text(values, 'root') ?? '.')
  const embedder = await embedderOf(values, terminal)
  await (await openNamedGallery(values, embedder, terminal))[Symbol.asyncDispose]()
  const workers = await readWorkers(values, terminal)
  const { session } = await openEmbedderForm(await modelsFolder(values, terminal), embedder, workers)
  await using _session = session
  using progress = openProgress(terminal, 'asking', pictures.length)
  const onPicture = (): void => progress.advance()
  const { answers, unreadable } = await askPictures(gallery, { pictures, session, onPicture, stop: terminal.stop })
  progress.end()
  tellProblems(problems, unreadable, terminal)
  return answers
}

function tell(check: GalleryCheck, wanted: string | undefined, values: Values, { out }: Terminal): number {
  const found =
    wanted === undefined ? undefined : check.items.find((one) => one.item === wanted || one.label === wanted)
  if (wanted !== undefined && found === undefined) {
    throw new SightlineError('GALLERY_MISSING', `no picture of the gallery ${check.location} is of '${wanted}'`)
  }
  if (flag(values, 'json')) out(JSON.stringify(found ?? check))
  else for (const line of found === undefined ? checkLines(check) : itemLines(found, check)) out(line)
  const isFine =
    found?.isEnough ??
    check.doubtful.length + check.duplicates.length + check.items.filter(({ isEnough }) => !isEnough).length === 0
  return flag(values, 'strict') && !isFine ? 1 : 0
}

/** What is not to be saved stays; so do thresholds of labels, which somebody has set by hand. */
async function save(
  { thresholds: { suggested, items }, calibration }: GalleryCheck,
  values: Values,
  terminal: Terminal,
): Promise<void> {
  const { err } = terminal
  // Held no longer than that: others may write while the check looks.
  await using gallery = await openAnyGallery(values, terminal, 'write')
  const rules = await gallery.rules()
  let next = rules
  if (flag(values, 'save-thresholds')) {
    if (suggested === null) err('no threshold was saved: too little is enrolled to suggest one')
    else if (isUseless(suggested)) err('no threshold was saved: none tells what is enrolled from what is not')
    else {
      const own = Object.fromEntries(items.map(({ item, threshold }) => [item, threshold]))
      next = { ...next, threshold: suggested.threshold, items: { ...next.items, ...own } }
      err(`saved: the threshold ${suggested.threshold}, and ${items.length} of single items`)
    }
  }
  if (flag(values, 'save-calibration')) {
    if (calibration === null) err('no calibration was saved: there are too few right and wrong answers to learn from')
    else {
      next = { ...next, calibration }
      err(`saved: a calibration by ${calibration.answers} answers; events tell a probability from now on`)
    }
  }
  if (next !== rules) await gallery.setRules(next)
}
