/** Reads a list of pictures to enrol, of whichever kind: what it is, its name and its beginning say. */
import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { describeError } from '@sightline/shared/errors/errors.ts'
import { readLabels } from '../label-file.ts'
import { readLabelText, unreadable } from '../label-text.ts'
import { cocoSchema, parseCoco } from './coco-list.ts'
import { parseCvat } from './cvat-list.ts'
import { listFolder } from './folder-list.ts'
import { parseJsonLines, parseRecords } from './json-lines-list.ts'
import { isLabelStudio, parseLabelStudio } from './label-studio-list.ts'
import type { LabelFile } from './list-collector.ts'
import { isProductSearch, parseProductSearch } from './product-search-list.ts'

/**
 * Label files and CSV, JSON lines with metadata, a folder of each item, COCO, CVAT, Label Studio, Google Product Search.
 * `root` is the folder that paths start from; of a folder of items, it is that folder itself.
 *
 * @throws LABELS_UNREADABLE, also where no line of it can be used; FILE_UNREADABLE for a folder that can't be listed
 */
export async function readPictureList(path: string, root: string): Promise<LabelFile> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() === true) return checked(path, await listFolder(path))
  const extension = extname(path).toLowerCase()
  if (extension === '.xml') return checked(path, parseCvat(await readLabelText(path), root, path))
  if (['.jsonl', '.ndjson'].includes(extension)) return checked(path, parseJsonLines(await readLabelText(path), root))
  if (extension === '.json') return checked(path, parseJson(await readLabelText(path), root, path))
  if (extension === '.csv') {
    const text = await readLabelText(path)
    if (isProductSearch(text)) return checked(path, parseProductSearch(text, root))
  }
  return readLabels(path, root)
}

function parseJson(text: string, root: string, file: string): LabelFile {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw unreadable(file, `is no JSON: ${describeError(cause)}`)
  }
  if (isLabelStudio(found)) return parseLabelStudio(found, root)
  if (Array.isArray(found)) return parseRecords(found, root)
  const { data: coco } = cocoSchema.safeParse(found)
  if (coco !== undefined) return parseCoco(coco, root)
  throw unreadable(
    file,
    'is neither COCO (images, annotations, categories) nor an export of Label Studio (an array of tasks)',
  )
}

function checked(file: string, list: LabelFile): LabelFile {
  if (list.pictures.length > 0) return list
  const [problem] = list.problems
  if (problem === undefined) throw unreadable(file, 'lists no pictures')
  const { where, line, message } = problem
  throw unreadable(file, `has nothing that can be used; ${where ?? `line ${line}`}: ${message}`)
}
