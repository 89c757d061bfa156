/** How the lines of a list are parted: by tabs, as CSV, or by the first space as PaddleClas' lists are. Each line stands for itself. */
import { parse } from 'csv-parse/sync'

/** Parts a line; null for one that is no such line. */
export type SplitLine = (line: string) => readonly string[] | null

export interface Layout {
  readonly split: SplitLine
  /** What a line is to be, for messages. */
  readonly form: string
}

/** Of pictures, and of columns in a header, as people name them. */
const pictureName = /\.(jpe?g|jpe|jfif|mpo|png|webp|avif|gif|tiff?|bmp|heic|heif|jp2|jxl)$/i
const pathNames =
  /^(path|file|files|file[ _-]?name|file[ _-]?path|image|images|image[ _-]?(path|file|name)|picture|photo)$/i
const labelNames = /^(label|labels|name|title|product|product[ _-]?name|class|category)$/i
const itemNames = /^(item|item[ _-]?(id|no|number)|sku|ean|gtin|barcode|product[ _-]?id|article)$/i

const cornerNames = [/^(x1|x_?min)$/i, /^(y1|y_?min)$/i, /^(x2|x_?max)$/i, /^(y2|y_?max)$/i]

export const isPathName = (name: string): boolean => pathNames.test(name)
export const isLabelName = (name: string): boolean => labelNames.test(name)
export const isItemName = (name: string): boolean => itemNames.test(name)

/** By the first line of the list, and the name of its file: `.csv` is CSV, whatever parts its cells. */
export function layoutOf(first: string, name: string): Layout {
  const delimiter = firstDelimiter(first)
  const isNamedCsv = /\.csv$/i.test(name)
  if (delimiter !== undefined && (isNamedCsv || (!first.includes('\t') && beginsWithPath(first, delimiter)))) {
    return { split: (line) => splitCsv(line, delimiter), form: `path${delimiter === '\t' ? '<TAB>' : delimiter}label` }
  }
  return { split: splitPlain, form: 'path<TAB>label' }
}

/** Which cells are path, label and item. */
export interface Columns {
  readonly path: number
  readonly label: number
  readonly item: number
  /** Those of a box: x1, y1, x2, y2. */
  readonly corners?: readonly number[]
  /** All others that the header names. */
  readonly others: readonly (readonly [at: number, name: string])[]
}

export const defaultColumns: Columns = { path: 0, label: 1, item: 2, others: [] }

/** Undefined where the cells are no header but a picture. */
export function headerColumns(cells: readonly string[]): Columns | undefined {
  const path = cells.findIndex((cell) => pathNames.test(cell))
  const label = cells.findIndex((cell, index) => index !== path && labelNames.test(cell))
  if (path < 0 || label < 0) return undefined
  const item = cells.findIndex((cell) => itemNames.test(cell))
  const corners = cornerNames.map((names) => cells.findIndex((cell) => names.test(cell)))
  const hasBox = corners.every((at) => at >= 0)
  const taken = new Set([path, label, item, ...(hasBox ? corners : [])])
  const others = [...cells.entries()].filter(([at, name]) => !taken.has(at) && name !== '')
  return { path, label, item, others, ...(hasBox && { corners }) }
}

function splitPlain(line: string): readonly string[] {
  if (line.includes('\t')) return line.split('\t')
  const trimmed = line.trim()
  const space = trimmed.indexOf(' ')
  return space < 0 ? [trimmed] : [trimmed.slice(0, space), trimmed.slice(space + 1)]
}

function splitCsv(line: string, delimiter: string): readonly string[] | null {
  if (!line.includes('"')) return line.split(delimiter)
  try {
    const [cells] = parse(line, {
      delimiter,
      relax_column_count: true,
      trim: true,
      record_delimiter: '\n',
    }) as string[][]
    return cells ?? null
  } catch {
    // A quote that is not closed, or stands in the middle of a cell.
    return null
  }
}

/** The first character of a line that may part cells, outside of quotes. */
function firstDelimiter(line: string): string | undefined {
  const unquoted = line.replaceAll(/"(?:[^"]|"")*"/g, '')
  return /[,;\t]/.exec(unquoted)?.[0]
}

function beginsWithPath(line: string, delimiter: string): boolean {
  const [first = ''] = splitCsv(line, delimiter) ?? []
  const cell = first.trim()
  return (
    pictureName.test(cell) || (pathNames.test(cell) && headerColumns(line.split(delimiter).map(unquote)) !== undefined)
  )
}

const unquote = (cell: string): string => cell.trim().replace(/^"(.*)"$/, '$1')
