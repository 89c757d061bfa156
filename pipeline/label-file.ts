/** Reads lists of pictures with labels: `path<TAB>label[<TAB>item]` a line, or `path label` where a list has no tabs. */
import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { SightlineError } from '@sightline/shared/errors/errors.ts'

export interface LabelledPicture {
  /** As written in the list: the picture's id. */
  readonly path: string
  readonly file: string
  readonly label: string
  readonly item: string
}

export interface LabelProblem {
  readonly line: number
  readonly message: string
}

export interface LabelFile {
  readonly pictures: readonly LabelledPicture[]
  /** Lines that can't be used; the others stand. */
  readonly problems: readonly LabelProblem[]
}

/**
 * Parses the text of a list. A byte-order mark, CRLF line ends and empty lines are fine; a label may hold spaces.
 * Without a tab in the line the first space parts path and label. A picture listed before is reported and skipped.
 */
export function parseLabels(text: string, root: string): LabelFile {
  const pictures: LabelledPicture[] = []
  const problems: LabelProblem[] = []
  const seen = new Map<string, string>()
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = index + 1
    if (raw.trim() === '') continue
    const fields = splitLine(raw).map((field) => field.trim())
    const [path = '', label = ''] = fields
    const item = fields[2] === undefined || fields[2] === '' ? label : fields[2]
    if (path === '' || label === '') {
      problems.push({ line, message: 'not `path<TAB>label`' })
    } else if (seen.has(path)) {
      problems.push({ line, message: `${path} stands there already, as ${seen.get(path)}` })
    } else {
      seen.set(path, item)
      pictures.push({ path, file: isAbsolute(path) ? path : join(root, path), label, item })
    }
  }
  return { pictures, problems }
}

function splitLine(line: string): string[] {
  if (line.includes('\t')) return line.split('\t')
  const space = line.trim().indexOf(' ')
  return space < 0 ? [line] : [line.trim().slice(0, space), line.trim().slice(space + 1)]
}

/** Reads a list from disk; throws LABELS_UNREADABLE. */
export async function readLabels(file: string, root: string): Promise<LabelFile> {
  try {
    return parseLabels(await readFile(file, 'utf8'), root)
  } catch (cause) {
    throw new SightlineError('LABELS_UNREADABLE', `the label file ${file} can't be read`, { cause })
  }
}
