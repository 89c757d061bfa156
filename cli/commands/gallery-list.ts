/** `sightline gallery list` and `remove`: what is enrolled, and taking it out again. */
import { usageError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GallerySelection } from '@sightline/shared/gallery/gallery.ts'
import { type Command, flag } from '../command.ts'
import { counted, selectionHelp, selectionOf, selectionOptions } from '../gallery-flags.ts'
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
  ...selectionOptions,
  json: { type: 'boolean' },
} as const

const optionsHelp = `${galleryHelp}
${selectionHelp}
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
  help: `Usage: sightline gallery remove --gallery DIR (--item ITEM | --label LABEL | --id PATH | --where FIELD=VALUE)… [OPTIONS]

Where several kinds are given, only pictures that match all of them are removed.

${optionsHelp}
  --dry-run               say what would be removed, and remove nothing

Example: sightline gallery remove --gallery products.gallery --item cola-330 --dry-run`,
  options: { ...options, 'dry-run': { type: 'boolean' } },
  async run(values, _positionals, terminal) {
    const selection = selectionOf(values)
    if (Object.keys(selection).length === 0) throw usageError('remove what? Give --item, --label, --id or --where')
    const isDry = flag(values, 'dry-run')
    const embedder = await embedderOf(values, terminal)
    await using gallery = await openNamedGallery(values, embedder, terminal, isDry ? 'read' : 'write')
    if (isDry) {
      const found = await lookFor(gallery, selection)
      const ofItems = `${counted(found.pictures, 'picture')} of ${counted(found.items, 'item')}`
      terminal.out(flag(values, 'json') ? JSON.stringify({ wouldRemove: found }) : `${ofItems} would be removed`)
      return found.pictures > 0 ? 0 : 1
    }
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

async function lookFor(
  gallery: Gallery,
  selection: GallerySelection,
): Promise<{ readonly pictures: number; readonly items: number }> {
  let pictures = 0
  const items = new Set<string>()
  for await (const { item } of gallery.list(selection)) {
    pictures += 1
    items.add(item)
  }
  return { pictures, items: items.size }
}
