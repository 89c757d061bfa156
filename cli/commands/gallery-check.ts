/** `sightline gallery check`: what is wrong with a gallery, what would mend it, and which thresholds fit it. */
import { checkGallery } from '@sightline/evaluation/gallery/check-gallery.ts'
import { boxOf, pictureFileOf } from '@sightline/pipeline/enrolled-file.ts'
import { readPictureFile } from '@sightline/pipeline/pictures.ts'
import { otherwise, SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import type { GalleryRules } from '@sightline/shared/gallery/rules.ts'
import type { GalleryCheck } from '@sightline/views/report/check-data.ts'
import { writeCheckReport } from '@sightline/views/report/check-report.ts'
import { checkLines, itemLines } from '@sightline/views/terminal/check-text.ts'
import { type Command, flag, type Terminal, text, type Values, workOn } from '../command.ts'
import { galleryHelp, galleryLocation, galleryOptions, openAnyGallery } from '../recognition-flags.ts'

const options = {
  ...galleryOptions,
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
  --root DIR              folder that the pictures' paths start from, for the page (default: .)
  --save-thresholds       keep the suggested threshold, and those of single items, with the gallery
  --save-calibration      keep with the gallery what a similarity is worth: events then tell a 'probability'
  --strict                exit code 1 where something was found, or ITEM has not enough
  --json                  all of it as one JSON line

Example: sightline gallery check --gallery products.gallery --root pictures/ --report out/check.html`,
  options,
  async run(values, positionals, terminal) {
    const [wanted, ...others] = positionals
    if (others.length > 0) throw usageError('name one item')
    const saves = flag(values, 'save-thresholds') || flag(values, 'save-calibration')
    await using gallery = await openAnyGallery(values, terminal, saves ? 'write' : 'read')
    const rules = await gallery.rules()
    const location = await galleryLocation(values, terminal)
    const { embedder } = await gallery.info()
    const threshold = rules.threshold ?? embedder.threshold ?? 0.5
    const check = await checkGallery(gallery, { location, threshold, work: workOn(terminal) })
    if (check === undefined) {
      terminal.err('stopped; nothing was saved')
      return 1
    }
    if (saves) await save(gallery, rules, check, values, terminal)
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
  gallery: Gallery,
  rules: GalleryRules,
  { thresholds: { suggested, items }, calibration }: GalleryCheck,
  values: Values,
  { err }: Terminal,
): Promise<void> {
  let next = rules
  if (flag(values, 'save-thresholds')) {
    if (suggested === null) err('no threshold was saved: too little is enrolled to suggest one')
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
