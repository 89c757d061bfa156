/** `sightline gallery list` and `remove`: what is enrolled, and taking it out again. */

import { pictureId } from '@sightline/pipeline/picture-id.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import type { GallerySelection } from '@sightline/shared/gallery/gallery.ts'
import { type Command, flag, texts, type Values } from '../command.ts'
import {
  embedderOf,
  galleryHelp,
  galleryOptions,
  modelHelp,
  modelOptions,
  openNamedGallery,
} from '../recognition-flags.ts'

const options = {
  ...modelOptions,
  ...galleryOptions,
  id: { type: 'string', multiple: true },
  item: { type: 'string', multiple: true },
  label: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const

const optionsHelp = `${galleryHelp}
  --item ITEM             only this item; may be repeated
  --label LABEL           only this label; may be repeated
  --id PATH               only this picture; may be repeated
  --json                  JSON lines
${modelHelp}`

export const galleryListCommand: Command = {
  name: 'gallery list',
  summary: 'show what is enrolled',
  help: `Usage: sightline gallery list --gallery DIR [OPTIONS]

${optionsHelp}

Example: sightline gallery list --gallery products.gallery --json`,
  options,
  async run(values, _positionals, terminal) {
    await using gallery = await openNamedGallery(values, await embedderOf(values, terminal), terminal)
    for await (const { id, item, label, metadata } of gallery.list(selectionOf(values))) {
      terminal.out(flag(values, 'json') ? JSON.stringify({ id, item, label, metadata }) : `${id}\t${label}\t${item}`)
    }
    return 0
  },
}

export const galleryRemoveCommand: Command = {
  name: 'gallery remove',
  summary: 'take items or single pictures out of a gallery',
  help: `Usage: sightline gallery remove --gallery DIR (--item ITEM | --label LABEL | --id PATH)… [OPTIONS]

Where several kinds are given, only pictures that match all of them are removed.

${optionsHelp}

Example: sightline gallery remove --gallery products.gallery --item cola-330`,
  options,
  async run(values, _positionals, terminal) {
    const selection = selectionOf(values)
    if (Object.keys(selection).length === 0) throw usageError('remove what? Give --item, --label or --id')
    await using gallery = await openNamedGallery(values, await embedderOf(values, terminal), terminal, 'write')
    const removed = await gallery.remove(selection)
    const { entries, items, revision } = await gallery.info()
    terminal.out(
      flag(values, 'json')
        ? JSON.stringify({ removed, entries, items, revision })
        : `${removed} pictures removed, ${entries} pictures of ${items} items left, revision ${revision}`,
    )
    return removed > 0 ? 0 : 1
  },
}

function selectionOf(values: Values): GallerySelection {
  // As it is written too: galleries of earlier versions hold ids as they were spelled.
  const ids = texts(values, 'id').flatMap((id) => [...new Set([id, pictureId(id)])])
  const items = texts(values, 'item')
  const labels = texts(values, 'label')
  return {
    ...(ids.length > 0 && { ids }),
    ...(items.length > 0 && { items }),
    ...(labels.length > 0 && { labels }),
  }
}
