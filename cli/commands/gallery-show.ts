/** `sightline gallery show`, `stats` and `threshold`: one item or picture, the whole in figures, and what counts as recognized. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import type { GalleryRules } from '@sightline/shared/gallery/rules.ts'
import { type Command, flag, type Terminal, texts } from '../command.ts'
import { counted } from '../gallery-flags.ts'
import { galleryHelp, galleryLocation, galleryOptions, openAnyGallery } from '../recognition-flags.ts'

const options = { ...galleryOptions, json: { type: 'boolean' } } as const
const optionsHelp = `${galleryHelp}
  --json                  as JSON`

export const galleryShowCommand: Command = {
  name: 'gallery show',
  summary: 'show one item with its pictures, or one picture',
  help: `Usage: sightline gallery show ITEM|LABEL|PATH --gallery DIR [OPTIONS]

${optionsHelp}

Example: sightline gallery show cola-330 --gallery products.gallery`,
  options,
  async run(values, positionals, terminal) {
    const { out } = terminal
    const wanted = oneName(positionals)
    await using gallery = await openAnyGallery(values, terminal)
    const rules = await gallery.rules()
    for (const selection of [{ items: [wanted] }, { labels: [wanted] }, { ids: [wanted] }]) {
      const pictures = []
      for await (const picture of gallery.list(selection)) pictures.push(picture)
      const [first] = pictures
      if (first === undefined) continue
      const threshold = rules.items[first.item] ?? rules.labels[first.label]
      if (flag(values, 'json')) {
        out(JSON.stringify({ item: first.item, label: first.label, threshold: threshold ?? null, pictures }))
        return 0
      }
      const own = threshold === undefined ? '' : `, threshold ${threshold}`
      out(`${first.label} (${first.item}): ${counted(pictures.length, 'picture')}${own}`)
      for (const { id, metadata } of pictures) out(`  ${id}\t${JSON.stringify(metadata)}`)
      return 0
    }
    throw new SightlineError('GALLERY_MISSING', `the gallery holds no item, label or picture '${wanted}'`)
  },
}

export const galleryStatsCommand: Command = {
  name: 'gallery stats',
  summary: 'a gallery in figures: pictures an item, metadata, size, thresholds',
  help: `Usage: sightline gallery stats --gallery DIR [OPTIONS]

${optionsHelp}

Example: sightline gallery stats --gallery products.gallery`,
  options,
  async run(values, _positionals, terminal) {
    await using gallery = await openAnyGallery(values, terminal)
    const location = await galleryLocation(values, terminal)
    const { revision, entries, items, embedder } = await gallery.info()
    const rules = await gallery.rules()
    const { perItem, fields } = await count(gallery)
    const bytes = /^https?:/.test(location) ? null : await sizeOf(location)
    const stats = { gallery: location, revision, entries, items, embedder, perItem, fields, bytes, rules }
    if (flag(values, 'json')) {
      terminal.out(JSON.stringify(stats))
      return 0
    }
    const fieldTexts = Object.entries(fields).map(([field, pictures]) => `${field} (${pictures})`)
    for (const line of [
      `${location}: ${counted(entries, 'picture')} of ${counted(items, 'item')}, revision ${revision}`,
      `vectors of ${embedder.name} (${embedder.sha256.slice(0, 12)}), ${embedder.dimension} values`,
      `pictures an item: ${perItem.least} to ${perItem.most}, half have at most ${perItem.median}; ${counted(perItem.single, 'item')} with one`,
      ...(bytes === null ? [] : [`${(bytes / 2 ** 20).toFixed(1)} MiB on disk`]),
      ...(fieldTexts.length === 0 ? [] : [`metadata: ${fieldTexts.join(', ')}`]),
      ...ruleLines(rules, embedder.threshold),
    ])
      terminal.out(line)
    return 0
  },
}

export const galleryThresholdCommand: Command = {
  name: 'gallery threshold',
  summary: 'show or set from which similarity on a gallery’s items are recognized',
  help: `Usage: sightline gallery threshold [T|none] --gallery DIR [OPTIONS]

Without T all that are set are shown. 'none' takes one away. They are kept with the gallery, for all who use it. An item's
own goes before its label's, both before the gallery's, that before the embedder's; what a matcher is set to
(SIGHTLINE_THRESHOLD, SIGHTLINE_LABEL_THRESHOLDS) goes before what the gallery says of the same kind.

${optionsHelp}
  --item ITEM             of this item; may be repeated
  --label LABEL           of this label; may be repeated

Example: sightline gallery threshold 0.72 --item cola-330 --gallery products.gallery`,
  options: { ...options, item: { type: 'string', multiple: true }, label: { type: 'string', multiple: true } },
  async run(values, positionals, terminal) {
    const [given, ...others] = positionals
    if (others.length > 0) throw usageError('name one threshold')
    const [items, labels] = [texts(values, 'item'), texts(values, 'label')]
    if (given === undefined && items.length + labels.length > 0) throw usageError('which threshold? A number, or none')
    const threshold = given === undefined || given === 'none' ? undefined : thresholdOf(given)
    await using gallery = await openAnyGallery(values, terminal, given === undefined ? 'read' : 'write')
    let rules = await gallery.rules()
    if (given !== undefined) {
      await tellStrangers(gallery, items, labels, terminal)
      rules = withThreshold(rules, threshold, items, labels)
      await gallery.setRules(rules)
    }
    const { embedder } = await gallery.info()
    if (flag(values, 'json')) terminal.out(JSON.stringify(rules))
    else for (const line of ruleLines(rules, embedder.threshold)) terminal.out(line)
    return 0
  },
}

function thresholdOf(text: string): number {
  const threshold = text.trim() === '' ? Number.NaN : Number(text)
  if (!(threshold >= -1 && threshold <= 1))
    throw usageError(`a threshold is a number from -1 to 1, or none; not '${text}'`)
  return threshold
}

function withThreshold(
  rules: GalleryRules,
  threshold: number | undefined,
  items: readonly string[],
  labels: readonly string[],
): GalleryRules {
  const set = (all: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number> => ({
    ...Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name))),
    ...(threshold === undefined ? {} : Object.fromEntries(names.map((name) => [name, threshold]))),
  })
  const { threshold: before, ...others } = rules
  const general = items.length + labels.length === 0 ? threshold : before
  return {
    ...others,
    ...(general !== undefined && { threshold: general }),
    items: set(rules.items, items),
    labels: set(rules.labels, labels),
  }
}

/** It may be enrolled later: a threshold of what isn't there is kept, and told. */
async function tellStrangers(
  gallery: Gallery,
  items: readonly string[],
  labels: readonly string[],
  { err }: Terminal,
): Promise<void> {
  const isThere = async (selection: Parameters<Gallery['list']>[0]): Promise<boolean> => {
    for await (const _picture of gallery.list(selection)) return true
    return false
  }
  for (const item of items) if (!(await isThere({ items: [item] }))) err(`no picture is of the item '${item}' yet`)
  for (const label of labels) if (!(await isThere({ labels: [label] }))) err(`no picture has the label '${label}' yet`)
}

function ruleLines({ threshold, items, labels, calibration }: GalleryRules, ofEmbedder?: number): readonly string[] {
  const general =
    threshold === undefined ? `${ofEmbedder ?? 'not told'}, of the embedder` : `${threshold}, of the gallery`
  return [
    `threshold: ${general}`,
    ...Object.entries(items).map(([item, own]) => `  ${own}\titem ${item}`),
    ...Object.entries(labels).map(([label, own]) => `  ${own}\tlabel ${label}`),
    calibration === undefined
      ? 'probability: not calibrated'
      : `probability: calibrated by ${calibration.answers} answers at revision ${calibration.revision}`,
  ]
}

async function count(gallery: Gallery) {
  const items = new Map<string, number>()
  const fields: Record<string, number> = {}
  for await (const { item, metadata } of gallery.list({})) {
    items.set(item, (items.get(item) ?? 0) + 1)
    for (const field of Object.keys(metadata)) fields[field] = (fields[field] ?? 0) + 1
  }
  const counts = [...items.values()].sort((a, b) => a - b)
  const perItem = {
    least: counts[0] ?? 0,
    median: counts[Math.floor((counts.length - 1) / 2)] ?? 0,
    most: counts.at(-1) ?? 0,
    single: counts.filter((one) => one === 1).length,
  }
  return { perItem, fields }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder, { recursive: true })) bytes += (await stat(join(folder, name))).size
  return bytes
}

function oneName(positionals: readonly string[]): string {
  const [name, ...others] = positionals
  if (name === undefined || others.length > 0) throw usageError('name one item, label or picture')
  return name
}
