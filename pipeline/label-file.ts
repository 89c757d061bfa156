/**
 * Reads lists of pictures with labels: `path<TAB>label[<TAB>item]` a line, the same as CSV, or `path label`. Each line with
 * something in it becomes a picture or a problem that is told, but for a header.
 */
import { defaultColumns, headerColumns, layoutOf } from './label-lines.ts'
import { readLabelText, showLine, unreadable } from './label-text.ts'
import { pictureFile, pictureId } from './picture-id.ts'

export interface LabelledPicture {
  /** The picture's id: its path below the root, normalized. */
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

/** Events carry labels, dashboards show them. */
const maxLabelLength = 1_000
const maxPathLength = 4_096

/**
 * Parses the text of a list. A byte-order mark, CRLF line ends, empty lines and a header that names its columns are fine; a
 * label may hold spaces. A picture listed before is reported and skipped. `name` is the list's file name.
 */
export function parseLabels(text: string, root: string, name = ''): LabelFile {
  const pictures: LabelledPicture[] = []
  const problems: LabelProblem[] = []
  const seen = new Map<string, string>()
  const lines = linesOf(text)
  const first = lines.findIndex(isFilled)
  const { split, form } = layoutOf(lines[first] ?? '', name)
  let columns = defaultColumns
  for (const [index, line] of lines.entries()) {
    if (!isFilled(line)) continue
    const cells = split(line)?.map(clean)
    if (cells === undefined) {
      problems.push({ line: index + 1, message: 'a quote in it is not closed, or stands within a cell' })
      continue
    }
    const header = index === first ? headerColumns(cells) : undefined
    if (header !== undefined) {
      columns = header
      continue
    }
    const path = cells[columns.path] ?? ''
    const label = cells[columns.label] ?? ''
    const item = cells[columns.item] || label
    const message = problemOf(path, label, item, form)
    const id = message === undefined ? pictureId(path, root) : ''
    if (message !== undefined) {
      problems.push({ line: index + 1, message })
    } else if (seen.has(id)) {
      problems.push({ line: index + 1, message: `${path} stands there already, as ${seen.get(id)}` })
    } else {
      seen.set(id, item)
      pictures.push({ path: id, file: pictureFile(path, root), label, item })
    }
  }
  return { pictures, problems }
}

/** Reads a list from disk; throws LABELS_UNREADABLE, also where no line of it can be used. */
export async function readLabels(file: string, root: string): Promise<LabelFile> {
  const text = await readLabelText(file)
  const labels = parseLabels(text, root, file)
  if (labels.pictures.length > 0) return labels
  const lines = linesOf(text)
  const [problem] = labels.problems
  if (problem === undefined) throw unreadable(file, "lists no pictures: write a line 'path<TAB>label' for each")
  const { line, message } = problem
  throw unreadable(file, `has no line that can be used; line ${line} is ${showLine(lines[line - 1]!)}: ${message}`)
}

const linesOf = (text: string): readonly string[] => text.split(/\r\n|\n|\r/).map((line) => line.replace(/^\uFEFF/, ''))

const isFilled = (line: string): boolean => line.trim() !== ''

/** Tabs in a cell are spaces; so are the other blanks that move a printer's head. */
const clean = (cell: string): string => cell.replaceAll(/[\t\v\f]/g, ' ').trim()

function problemOf(path: string, label: string, item: string, form: string): string | undefined {
  if (path === '' || label === '') return `not \`${form}\``
  for (const [what, text, most] of [
    ['path', path, maxPathLength],
    ['label', label, maxLabelLength],
    ['item', item, maxLabelLength],
  ] as const) {
    if (text.length > most) return `the ${what} is ${text.length} characters long, at most ${most} are taken`
    const control = /[\p{Cc}\p{Cs}\u2028\u2029]/u.exec(text)?.[0]
    if (control !== undefined) return `the ${what} holds the control character ${codeOf(control)}`
    if (text.includes('\uFFFD')) return `the ${what} was damaged before: it holds ${codeOf('\uFFFD')}`
  }
  return undefined
}

const codeOf = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
