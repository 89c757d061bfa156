/** The flags that select pictures of a gallery, and texts about how many they are. */
import type { UnreadablePicture } from '@sightline/pipeline/enrol.ts'
import type { LabelProblem } from '@sightline/pipeline/lists/list-collector.ts'
import { pictureId } from '@sightline/pipeline/picture-id.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import type { GallerySelection, MetadataValue } from '@sightline/shared/gallery/gallery.ts'
import { type Terminal, texts, type Values } from './command.ts'

export const selectionOptions = {
  id: { type: 'string', multiple: true },
  item: { type: 'string', multiple: true },
  label: { type: 'string', multiple: true },
  where: { type: 'string', multiple: true },
} as const

export const selectionHelp = `  --item ITEM             only this item; may be repeated
  --label LABEL           only this label; may be repeated
  --id PATH               only this picture; may be repeated
  --where FIELD=VALUE     only pictures with this value in their metadata, or in a list there; the same field again
                          takes another value too, another field narrows it`

/** Throws USAGE. */
export function selectionOf(values: Values): GallerySelection {
  // As it is written too: galleries of earlier versions hold ids as they were spelled.
  const ids = texts(values, 'id').flatMap((id) => [...new Set([id, pictureId(id)])])
  const items = texts(values, 'item')
  const labels = texts(values, 'label')
  const metadata: Record<string, MetadataValue[]> = {}
  for (const text of texts(values, 'where')) {
    const [, field, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (field === undefined) throw usageError(`--where takes FIELD=VALUE, not '${text}'`)
    if (/["\\]/.test(field)) throw usageError(`--where can't look for a field with a quote or a backslash: '${field}'`)
    metadata[field] = [...(metadata[field] ?? []), ...readingsOf(value)]
  }
  return {
    ...(ids.length > 0 && { ids }),
    ...(items.length > 0 && { items }),
    ...(labels.length > 0 && { labels }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
}

/** On a command line there are only texts; the metadata may hold a number, or a truth. */
function readingsOf(value: string): readonly MetadataValue[] {
  if (value === 'true' || value === 'false') return [value, value === 'true']
  const number = value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) ? [value, number] : [value]
}

/** `1 picture`, `3 pictures`. */
export const counted = (count: number, what: string): string =>
  `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`

/** Of a list of pictures: what could not be used, and why. */
export function tellProblems(
  problems: readonly LabelProblem[],
  unreadable: readonly UnreadablePicture[],
  terminal: Terminal,
): void {
  for (const { line, where, message } of problems) terminal.err(`${where ?? `line ${line}`}: ${message}; skipped`)
  for (const { path, code, message } of unreadable) terminal.err(`${path}: ${code}: ${message}; skipped`)
}
