/** `sightline gallery export` and `import`: a gallery as one file, and back, on any driver. */
import { isDeepStrictEqual } from 'node:util'
import {
  checkFileEmbedder,
  readGalleryFile,
  readGalleryFileHead,
  writeGalleryFile,
} from '@sightline/pipeline/gallery-file.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import { type Gallery, galleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'
import { type Command, flag, type Terminal } from '../command.ts'
import { counted } from '../gallery-flags.ts'
import {
  embedderOf,
  galleryHelp,
  galleryLocation,
  galleryOptions,
  modelHelp,
  modelOptions,
  openAnyGallery,
  openNamedBuild,
  openNamedGallery,
} from '../recognition-flags.ts'

export const galleryExportCommand: Command = {
  name: 'gallery export',
  summary: 'write a gallery to one file: vectors, ids, labels, metadata, thresholds and whose vectors they are',
  help: `Usage: sightline gallery export FILE --gallery DIR [OPTIONS]

FILE is JSON lines, packed where its name ends in .gz. The pictures themselves are not in it.

${galleryHelp}
  --json                  the result as one JSON line

Example: sightline gallery export products.jsonl.gz --gallery products.gallery`,
  options: { ...galleryOptions, json: { type: 'boolean' } },
  async run(values, positionals, terminal) {
    const file = oneFile(positionals)
    await using gallery = await openAnyGallery(values, terminal)
    const { entries } = await gallery.info()
    using progress = openProgress(terminal, 'writing', entries)
    const written = await writeGalleryFile(gallery, file, () => progress.advance())
    progress.end()
    terminal.out(
      flag(values, 'json') ? JSON.stringify({ file, entries: written }) : `${file}: ${counted(written, 'picture')}`,
    )
    return 0
  },
}

export const galleryImportCommand: Command = {
  name: 'gallery import',
  summary: 'make a gallery of an exported file, or add one to a gallery',
  help: `Usage: sightline gallery import FILE --gallery DIR [OPTIONS]

The gallery that is there is replaced, with its thresholds, at once and only when the whole file was read. A file of another
embedder than the one in use is refused: its vectors would be compared with those of another network.

${galleryHelp}
  --add                   keep what is there; a picture that is in both becomes the file's, thresholds stay as they are
  --json                  the result as one JSON line
${modelHelp}

Example: sightline gallery import products.jsonl.gz --gallery http://localhost:6333/sightline`,
  options: { ...modelOptions, ...galleryOptions, add: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(values, positionals, terminal) {
    const file = oneFile(positionals)
    const head = await readGalleryFileHead(file)
    const embedder = await embedderOf(values, terminal)
    checkFileEmbedder(file, head, galleryEmbedder(embedder.manifest))
    const location = await galleryLocation(values, terminal)
    if (flag(values, 'add')) {
      // Before anything is put: half of a file is no file.
      for await (const _some of readGalleryFile(file));
      await (await openNamedGallery(values, embedder, terminal, 'create'))[Symbol.asyncDispose]()
      await using gallery = await openNamedGallery(values, embedder, terminal, 'write')
      const put = await putAll(gallery, file, head.entries, terminal)
      const { entries, items, revision } = await gallery.info()
      return tell({ location, put: put.length, entries, items, revision })
    }
    await using build = await openNamedBuild(values, embedder, terminal, head.embedder.threshold)
    const put = await putAll(build.draft, file, head.entries, terminal)
    if (terminal.stop.aborted) {
      terminal.err(`stopped; the gallery ${location} is as it was`)
      return 1
    }
    // What a build that was broken off left in the draft is not the file's.
    const listed = new Set(put)
    const gone: string[] = []
    for await (const { id } of build.draft.list({})) if (!listed.has(id)) gone.push(id)
    if (gone.length > 0) await build.draft.remove({ ids: gone })
    const { entries, items, revision } = await build.publish()
    await build[Symbol.asyncDispose]()
    await using gallery = await openNamedGallery(values, embedder, terminal, 'write')
    if (!isDeepStrictEqual(await gallery.rules(), head.rules)) await gallery.setRules(head.rules)
    return tell({ location, put: put.length, entries, items, revision })

    function tell(told: { location: string; put: number; entries: number; items: number; revision: number }): number {
      const { put: count, entries: all, items: kinds } = told
      const line = `${told.location}: ${counted(count, 'picture')} imported, ${counted(all, 'picture')} of ${counted(kinds, 'item')}, revision ${told.revision}`
      terminal.out(
        flag(values, 'json')
          ? JSON.stringify({ gallery: told.location, imported: count, entries: all, items: kinds })
          : line,
      )
      return 0
    }
  },
}

/** Returns the ids of what was put. */
async function putAll(gallery: Gallery, file: string, entries: number, terminal: Terminal): Promise<readonly string[]> {
  using progress = openProgress(terminal, 'importing', entries)
  const put: string[] = []
  for await (const some of readGalleryFile(file)) {
    if (terminal.stop.aborted) break
    await gallery.put(some)
    for (const { id } of some) {
      put.push(id)
      progress.advance()
    }
  }
  return put
}

function oneFile(positionals: readonly string[]): string {
  const [file, ...others] = positionals
  if (file === undefined || others.length > 0) throw usageError('name one file')
  return file
}
