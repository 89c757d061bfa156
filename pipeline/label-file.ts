/**
 * Reads lists of pictures with labels: `path<TAB>label[<TAB>item]` a line, the same as CSV, or `path label`. Each line with
 * something in it becomes a picture or a problem that is told, but for a header.
 */

import type { Part } from './enrolled-file.ts'
import { type Columns, defaultColumns, headerColumns, layoutOf } from './label-lines.ts'
import { readLabelText, showLine, unreadable } from './label-text.ts'
import { clean, type LabelFile, ListCollector } from './lists/list-collector.ts'

export type { LabelFile, LabelledPicture, LabelProblem } from './lists/list-collector.ts'

/**
 * Parses the text of a list. A byte-order mark, CRLF line ends, empty lines and a header that names its columns are fine; a
 * label may hold spaces. Other columns that the header names are metadata, but for the corners of a box in pixels (x1, y1, x2,
 * y2, or xmin, …), which cuts out what is enrolled. A picture listed before is reported and skipped. `name` is the list's file name.
 */
export function parseLabels(text: string, root: string, name = ''): LabelFile {
  const lines = linesOf(text)
  const first = lines.findIndex(isFilled)
  const { split, form } = layoutOf(lines[first] ?? '', name)
  const list = new ListCollector(root, 'line', form)
  let columns = defaultColumns
  for (const [index, line] of lines.entries()) {
    if (!isFilled(line)) continue
    const cells = split(line)?.map(clean)
    if (cells === undefined) {
      list.refuse(index + 1, 'a quote in it is not closed, or stands within a cell')
      continue
    }
    const header = index === first ? headerColumns(cells) : undefined
    if (header !== undefined) {
      columns = header
      continue
    }
    list.add(index + 1, {
      path: cells[columns.path] ?? '',
      label: cells[columns.label] ?? '',
      item: cells[columns.item],
      part: partOf(cells, columns),
      metadata: Object.fromEntries(columns.others.flatMap(([at, field]) => (cells[at] ? [[field, cells[at]]] : []))),
    })
  }
  return list.end()
}

/** Undefined where the list has no such columns, or the line nothing in them: the whole picture. */
function partOf(cells: readonly string[], { corners }: Columns): Part | undefined {
  const texts = corners?.map((at) => cells[at] ?? '')
  if (texts === undefined || texts.every((text) => text === '')) return undefined
  const [x1, y1, x2, y2] = texts.map((text) => (text === '' ? Number.NaN : Number(text)))
  return { box: [x1!, y1!, x2!, y2!], unit: 'pixel' }
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
