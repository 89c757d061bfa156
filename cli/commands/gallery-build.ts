/** `sightline gallery build` and `add`: from a list of labelled pictures to a searchable gallery, without training. */
import { openEmbedderForm } from '@sightline/embedder/session.ts'
import {
  type Built,
  buildGallery,
  type Enrolment,
  enrol,
  type MovedPicture,
  type RepeatedPicture,
  type Unpublished,
} from '@sightline/pipeline/enrol.ts'
import type { LabelFile, LabelledPicture, LabelProblem } from '@sightline/pipeline/lists/list-collector.ts'
import { readPictureList } from '@sightline/pipeline/lists/picture-list.ts'
import type { GalleryInfo } from '@sightline/shared/gallery/gallery.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import type { EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'
import { type Command, flag, number, requiredText, type Terminal, text, type Values } from '../command.ts'
import { counted, tellProblems } from '../gallery-flags.ts'
import {
  embedderOf,
  galleryHelp,
  galleryLocation,
  galleryOptions,
  modelsFolder,
  networkHelp,
  networkOptions,
  openNamedBuild,
  openNamedGallery,
  readWorkers,
} from '../recognition-flags.ts'

const addOptions = {
  ...networkOptions,
  labels: { type: 'string' },
  root: { type: 'string' },
  ...galleryOptions,
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

const buildOptions = { ...addOptions, threshold: { type: 'string' } } as const

const optionsHelp = `  --labels FILE           lines 'path<TAB>label[<TAB>item]', or CSV; labels may hold spaces; without a third
                          column the label is the item; other columns that a header names are metadata, x1, y1, x2, y2
                          a box. Or JSON lines {"path", "label", "item", "box", "metadata"}; a folder with a folder of
                          each item; COCO (.json), CVAT (.xml), Label Studio (.json), Google Product Search (.csv)
  --root DIR              folder that the paths start from (default: .)
${galleryHelp}
  --strict                exit code 1 where a line or a picture could not be used; 'build' then leaves the gallery
                          as it was
  --json                  the result as one JSON line
${networkHelp}

About five pictures an item are enough: cropped, with little background, from different sides.`

export const galleryBuildCommand: Command = {
  name: 'gallery build',
  summary: 'make a gallery of labelled pictures, replacing the one that is there',
  help: `Usage: sightline gallery build --labels FILE --root DIR --gallery DIR [OPTIONS]

The gallery that is there stays in use until the new one is complete, then is replaced at once. A build that was broken
off goes on where it was; pictures that were embedded before are not embedded again.

${optionsHelp}
  --threshold T           the gallery's own threshold: from which similarity on its items are recognized, -1..1; without
                          it that of the embedder. Products that look alike need a higher one

Example: sightline gallery build --labels products.txt --root pictures/ --gallery products.gallery`,
  options: buildOptions,
  run: (values, _positionals, terminal) => fill.build(values, terminal),
}

export const galleryAddCommand: Command = {
  name: 'gallery add',
  summary: 'add labelled pictures to a gallery',
  help: `Usage: sightline gallery add --labels FILE --root DIR --gallery DIR [OPTIONS]

A gallery that is not there yet is made. A picture that is in it already (the same path) is replaced. Running pipelines see the change at once.

${optionsHelp}

Example: sightline gallery add --labels new-product.txt --root pictures/ --gallery products.gallery`,
  options: addOptions,
  run: (values, _positionals, terminal) => fill.add(values, terminal),
}

const fill = {
  build: async (values: Values, terminal: Terminal): Promise<number> => {
    const { pictures, problems } = await labelsOf(values)
    const embedder = await embedderOf(values, terminal)
    const threshold = number(values, 'threshold', { min: -1, max: 1 })
    await using build = await openNamedBuild(values, embedder, terminal, threshold)
    const options = await enrolOptions(values, embedder, pictures, terminal)
    await using _session = options.session
    const all = flag(values, 'strict')
    const built = await buildGallery(build, { ...options, all, problems: problems.length })
    options.progress.end()
    const { published } = built
    if (typeof published !== 'string') return tell(values, terminal, problems, built, published)
    const location = await galleryLocation(values, terminal)
    tellProblems(problems, built.unreadable, terminal)
    tellRepeated(built.repeated, terminal)
    const kept = `; ${build.current === undefined ? `no gallery was made in ${location}` : `the gallery ${location} is as it was`}`
    const left = built.added > 0 ? ` What was embedded is kept: the next build goes on from there.` : ''
    terminal.err(`${reasons[published](built, pictures.length)}${kept}.${left}`)
    if (flag(values, 'json')) {
      const { added, unreadable } = built
      terminal.out(
        JSON.stringify({ gallery: location, added, published: false, reason: published, unreadable, problems }),
      )
    }
    return 1
  },

  add: async (values: Values, terminal: Terminal): Promise<number> => {
    const { pictures, problems } = await labelsOf(values)
    const embedder = await embedderOf(values, terminal)
    // The first picture of a deployment needs no build.
    await (await openNamedGallery(values, embedder, terminal, 'create'))[Symbol.asyncDispose]()
    await using gallery = await openNamedGallery(values, embedder, terminal, 'write')
    const options = await enrolOptions(values, embedder, pictures, terminal)
    await using _session = options.session
    const enrolled = await enrol(gallery, options)
    options.progress.end()
    return tell(values, terminal, problems, enrolled, await gallery.info())
  },
}

const reasons: Readonly<Record<Unpublished, (built: Built, pictures: number) => string>> = {
  nothing: (_built, pictures) => `none of ${pictures} pictures could be enrolled`,
  stopped: ({ added, unreadable }, pictures) => `stopped after ${added + unreadable.length} of ${pictures} pictures`,
  'not all': () => 'not every line and picture could be used, and --strict asks for all',
}

const labelsOf = (values: Values): Promise<LabelFile> =>
  readPictureList(requiredText(values, 'labels'), text(values, 'root') ?? '.')

async function enrolOptions(
  values: Values,
  embedder: Model<EmbedderManifest>,
  pictures: readonly LabelledPicture[],
  terminal: Terminal,
) {
  const workers = await readWorkers(values, terminal)
  const { session } = await openEmbedderForm(await modelsFolder(values, terminal), embedder, workers)
  tellExecution([session], terminal.err)
  const progress = openProgress(terminal, 'enrolling', pictures.length)
  return { pictures, session, progress, onPicture: () => progress.advance(), stop: terminal.stop }
}

/** What became of the pictures, and the exit code. */
async function tell(
  values: Values,
  terminal: Terminal,
  problems: readonly LabelProblem[],
  { added, reused, unreadable, moved, repeated, isStopped }: Enrolment,
  { entries, items, revision }: GalleryInfo,
): Promise<number> {
  const location = await galleryLocation(values, terminal)
  tellProblems(problems, unreadable, terminal)
  tellMoved(moved, terminal)
  tellRepeated(repeated, terminal)
  if (isStopped) terminal.err('stopped before the last picture; run it again to add the others')
  if (flag(values, 'json')) {
    const told = { gallery: location, added, entries, items, revision, unreadable, problems }
    const more = {
      ...(reused > 0 && { reused }),
      ...(moved.length > 0 && { replaced: moved }),
      ...(repeated.length > 0 && { repeated }),
    }
    terminal.out(JSON.stringify({ ...told, ...more }))
  } else {
    const known = reused > 0 ? ` (${reused} embedded before)` : ''
    terminal.out(
      `${location}: ${added} pictures added${known}, ${entries} pictures of ${items} items, revision ${revision}`,
    )
  }
  const isWhole = unreadable.length + problems.length === 0
  return added + repeated.length === 0 || isStopped || (flag(values, 'strict') && !isWhole) ? 1 : 0
}

/** Pictures named of those that were another item's. */
const mostMoved = 10

function tellMoved(moved: readonly MovedPicture[], { err }: Terminal): void {
  if (moved.length === 0) return
  const named = moved.slice(0, mostMoved).map(({ path, from, to }) => `${path} ${from.label} → ${to.label}`)
  const others = moved.length > mostMoved ? `, and ${moved.length - mostMoved} more` : ''
  const pictures = moved.length === 1 ? 'picture' : 'pictures'
  err(`replaced ${moved.length} ${pictures} of another item: ${named.join(', ')}${others}`)
}

function tellRepeated(repeated: readonly RepeatedPicture[], { err }: Terminal): void {
  const [same, others] = [true, false].map((isSame) =>
    repeated.filter(({ item, twin }) => (twin.item === item) === isSame),
  )
  const named = (some: readonly RepeatedPicture[], one: (picture: RepeatedPicture) => string): string =>
    `${some.slice(0, mostMoved).map(one).join(', ')}${some.length > mostMoved ? `, and ${some.length - mostMoved} more` : ''}`
  if (same!.length > 0) {
    const list = named(same!, ({ path, twin }) => `${path} = ${twin.id}`)
    err(`left out ${counted(same!.length, 'picture')} whose very bytes are there already: ${list}`)
  }
  if (others!.length > 0) {
    const list = named(others!, ({ path, label, twin }) => `${path} (${label}) = ${twin.id} (${twin.label})`)
    err(`the same picture is enrolled as different items, one of which is wrong: ${list}`)
  }
}
