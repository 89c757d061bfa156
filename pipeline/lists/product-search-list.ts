/**
 * Google Product Search's CSV for bulk import as a list. Eight columns without a header: image-uri, image-id,
 * product-set-id, product-id, product-category, product-display-name, labels (`key=value,…`), bounding-poly (shares of the
 * picture's width and height).
 */
import { parse } from 'csv-parse/sync'
import type { Part } from '../enrolled-file.ts'
import { clean, type LabelFile, ListCollector } from './list-collector.ts'

const columns = 8

/** By its first line: a picture in a bucket, and so many cells. */
export const isProductSearch = (text: string): boolean =>
  /^\uFEFF?"?gs:\/\//.test(text) && (cellsOf(text.split(/\r\n|\n|\r/)[0]!)?.length ?? 0) >= 4

/** `gs://BUCKET/PATH` is PATH below the root. */
export function parseProductSearch(text: string, root: string): LabelFile {
  const list = new ListCollector(root, 'line', 'image-uri, image-id, product-set-id, product-id, …')
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === '') continue
    const cells = cellsOf(line.replace(/^\uFEFF/, ''))?.map(clean)
    if (cells === undefined || cells.length > columns) {
      list.refuse(
        index + 1,
        cells === undefined ? 'a quote in it is not closed' : `it has more than ${columns} columns`,
      )
      continue
    }
    const [uri = '', picture = '', set = '', product = '', category = '', name = '', labels = '', poly = ''] = cells
    const part = partOf(poly)
    if (part === null) {
      list.refuse(index + 1, 'its bounding-poly is not of pairs of numbers from 0 to 1')
      continue
    }
    const own = { 'image-id': picture, 'product-set-id': set, 'product-category': category }
    const path = uri.replace(/^gs:\/\/[^/]*\/?/, '')
    const metadata = {
      ...labelsOf(labels),
      ...Object.fromEntries(Object.entries(own).filter(([, text]) => text !== '')),
    }
    list.add(index + 1, { path, label: name === '' ? product : name, item: product, part, metadata })
  }
  return list.end()
}

function cellsOf(line: string): readonly string[] | undefined {
  try {
    return (parse(line, { relax_column_count: true, trim: true }) as string[][])[0]
  } catch {
    return undefined
  }
}

/** A key given twice, as a product can be of two colours, holds a list. */
function labelsOf(text: string): Record<string, string | string[]> {
  const labels: Record<string, string | string[]> = {}
  for (const pair of text.split(',')) {
    const [, key, value = ''] = /^\s*([^=]+)=(.*)$/s.exec(pair) ?? []
    if (key === undefined) continue
    const before = labels[key]
    labels[key] = before === undefined ? value.trim() : [before, value.trim()].flat()
  }
  return labels
}

/** The upright box around the polygon's corners; undefined for the whole picture, null for what is no polygon. */
function partOf(poly: string): Part | undefined | null {
  if (poly === '') return undefined
  const numbers = poly.split(',').map((text) => (text.trim() === '' ? Number.NaN : Number(text)))
  if (numbers.length < 4 || numbers.length % 2 > 0 || !numbers.every((one) => one >= 0 && one <= 1)) return null
  const axis = (which: number): number[] => numbers.filter((_number, index) => index % 2 === which)
  const [xs, ys] = [axis(0), axis(1)]
  const corners = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)].map((share) => share * 100)
  return { box: [corners[0]!, corners[1]!, corners[2]!, corners[3]!], unit: 'percent' }
}
