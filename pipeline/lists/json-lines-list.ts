/** A list as JSON lines: `{"path": …, "label": …, "item"?: …, "box"?: [x1, y1, x2, y2], "metadata"?: {…}}`; other fields are metadata too. */
import { z } from 'zod'
import type { PictureBox } from '../enrolled-file.ts'
import { isItemName, isLabelName, isPathName } from '../label-lines.ts'
import { type LabelFile, ListCollector, type Listed } from './list-collector.ts'

const form = '{"path": "a.jpg", "label": "A name"}'
const recordSchema = z.record(z.string(), z.unknown())
const boxSchema = z.tuple([z.number(), z.number(), z.number(), z.number()])

/** Also whole JSON of one array of such records. */
export function parseJsonLines(text: string, root: string): LabelFile {
  const list = new ListCollector(root, 'line', form)
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === '') continue
    let record: unknown
    try {
      record = JSON.parse(line)
    } catch {
      list.refuse(index + 1, `it is no JSON: write ${form}`)
      continue
    }
    list.take(index + 1, listedIn(record))
  }
  return list.end()
}

export function parseRecords(records: readonly unknown[], root: string): LabelFile {
  const list = new ListCollector(root, 'record', form)
  for (const [index, record] of records.entries()) list.take(index + 1, listedIn(record))
  return list.end()
}

/** The picture, or why it is none. */
function listedIn(found: unknown): Listed | string {
  const { data: record } = recordSchema.safeParse(found)
  if (record === undefined) return `not \`${form}\``
  const { box, metadata = {}, ...fields } = record
  const name = (is: (name: string) => boolean): string | undefined => Object.keys(fields).find(is)
  const [path, label, item] = [name(isPathName), name(isLabelName), name(isItemName)]
  const texts = [path, label, item].map((one) => (one === undefined ? '' : fields[one]))
  if (texts.some((text) => typeof text !== 'string' && typeof text !== 'number')) {
    return `path, label and item are texts: write ${form}`
  }
  const { data: more } = recordSchema.safeParse(metadata)
  if (more === undefined) return 'its metadata is no object of fields'
  const corners = box === undefined || box === null ? undefined : boxSchema.safeParse(box)
  if (corners?.success === false) return 'its box is not [x1, y1, x2, y2], in pixels'
  for (const used of [path, label, item]) if (used !== undefined) delete fields[used]
  return {
    path: String(texts[0]).trim(),
    label: String(texts[1]).trim(),
    item: String(texts[2]).trim(),
    part: corners && { box: corners.data as PictureBox, unit: 'pixel' },
    metadata: { ...fields, ...more },
  }
}
