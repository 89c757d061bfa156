/** `sightline gallery build` and `add`: from a list of labelled pictures to a searchable gallery, without training. */
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { enrol, type UnreadablePicture } from '@sightline/pipeline/enrol.ts'
import { type LabelProblem, readLabels } from '@sightline/pipeline/label-file.ts'
import type { Gallery } from '@sightline/shared/gallery/gallery.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'
import { type Command, flag, requiredText, type Terminal, text, type Values } from '../command.ts'
import { embedderOf, networkHelp, networkOptions, openNamedGallery, readWorkers } from '../recognition-flags.ts'

const options = {
  ...networkOptions,
  labels: { type: 'string' },
  root: { type: 'string' },
  gallery: { type: 'string' },
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

const optionsHelp = `  --labels FILE           lines 'path<TAB>label[<TAB>item]'; labels may hold spaces; without a third column
                          the label is the item
  --root DIR              folder that the paths start from (default: .)
  --gallery DIR           the gallery's folder, or of a Qdrant http(s)://HOST:6333/COLLECTION, with the API key in
                          SIGHTLINE_QDRANT_API_KEY
  --strict                exit code 1 where a line or a picture could not be used
  --json                  the result as one JSON line
${networkHelp}

About five pictures an item are enough: cropped, with little background, from different sides.`

export const galleryBuildCommand: Command = {
  name: 'gallery build',
  summary: 'make a gallery of labelled pictures, replacing the one that is there',
  help: `Usage: sightline gallery build --labels FILE --root DIR --gallery DIR [OPTIONS]

${optionsHelp}

Example: sightline gallery build --labels products.txt --root pictures/ --gallery products.gallery`,
  options,
  run: (values, _positionals, terminal) => fillGallery('build', values, terminal),
}

export const galleryAddCommand: Command = {
  name: 'gallery add',
  summary: 'add labelled pictures to a gallery',
  help: `Usage: sightline gallery add --labels FILE --root DIR --gallery DIR [OPTIONS]

A picture that is in the gallery already (the same path) is replaced. Running pipelines see the change at once.

${optionsHelp}

Example: sightline gallery add --labels new-product.txt --root pictures/ --gallery products.gallery`,
  options,
  run: (values, _positionals, terminal) => fillGallery('add', values, terminal),
}

async function fillGallery(mode: 'build' | 'add', values: Values, terminal: Terminal): Promise<number> {
  const location = requiredText(values, 'gallery')
  const { pictures, problems } = await readLabels(requiredText(values, 'labels'), text(values, 'root') ?? '.')
  const embedder = await embedderOf(values, terminal)
  await using gallery = await openNamedGallery(values, embedder, terminal, mode === 'build' ? 'replace' : 'write')
  await using session = await openEmbedderSession(embedder, await readWorkers(values, terminal))
  tellExecution([session], terminal.err)
  using progress = openProgress(terminal, 'enrolling', pictures.length)
  const unreadable = await enrol(pictures, gallery, session, () => progress.advance(), terminal.stop)
  if (mode === 'build' && !terminal.stop.aborted) {
    const listed = new Set(pictures.map(({ path }) => path))
    await removeUnlisted(gallery, listed)
  }
  progress.end()
  const { entries, items, revision } = await gallery.info()
  const added = pictures.length - unreadable.length
  if (flag(values, 'json')) {
    terminal.out(JSON.stringify({ gallery: location, added, entries, items, revision, unreadable, problems }))
  } else {
    tellProblems(problems, unreadable, terminal)
    terminal.out(`${location}: ${added} pictures added, ${entries} pictures of ${items} items, revision ${revision}`)
  }
  return flag(values, 'strict') && unreadable.length + problems.length > 0 ? 1 : 0
}

/** What is no longer listed goes last: a running pipeline never sees an empty gallery in between. */
async function removeUnlisted(gallery: Gallery, listed: ReadonlySet<string>): Promise<void> {
  const gone: string[] = []
  for await (const { id } of gallery.list({})) if (!listed.has(id)) gone.push(id)
  if (gone.length > 0) await gallery.remove({ ids: gone })
}

function tellProblems(
  problems: readonly LabelProblem[],
  unreadable: readonly UnreadablePicture[],
  terminal: Terminal,
): void {
  for (const { line, message } of problems) terminal.err(`line ${line}: ${message}; skipped`)
  for (const { path, code, message } of unreadable) terminal.err(`${path}: ${code}: ${message}; skipped`)
}
