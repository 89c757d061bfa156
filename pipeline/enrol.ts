/**
 * The one way of a labelled picture into a gallery: read, decoded, embedded whole, put in batches. An unreadable picture is
 * skipped and told; one whose bytes were embedded before is not embedded again.
 */
import { isDeepStrictEqual } from 'node:util'
import type { EmbedInput, EmbedOutput } from '@sightline/embedder/embed-task.ts'
import { describeError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GalleryBuild, GalleryEntry, GalleryInfo } from '@sightline/shared/gallery/gallery.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import pLimit from 'p-limit'
import { FileEnroller, type Twin } from './enrol-file.ts'
import type { LabelledPicture } from './label-file.ts'
import { readPicture } from './pictures.ts'

export interface UnreadablePicture {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** A picture that was another item's. */
export interface MovedPicture {
  readonly path: string
  readonly from: { readonly item: string; readonly label: string }
  readonly to: { readonly item: string; readonly label: string }
}

/** A picture of the same bytes as another one of the list or the gallery. */
export interface RepeatedPicture {
  readonly path: string
  readonly item: string
  readonly label: string
  /** Of the same item, and this one is left out; or of another, and both stay: one of them is wrong, or both are in view. */
  readonly twin: Twin
}

export interface EnrolOptions {
  readonly pictures: readonly LabelledPicture[]
  readonly session: Session<EmbedInput, EmbedOutput>
  /** Called for each picture that was read or refused. */
  readonly onPicture?: () => void
  /** Finishes the pictures under way and starts no more. */
  readonly stop?: AbortSignal
}

export interface Enrolment {
  /** Pictures that were read. */
  readonly added: number
  /** Of these, whose vectors were there already. */
  readonly reused: number
  readonly unreadable: readonly UnreadablePicture[]
  /** What the gallery itself held as another item's, and no longer does. */
  readonly moved: readonly MovedPicture[]
  readonly repeated: readonly RepeatedPicture[]
  /** Stopped before the last picture. */
  readonly isStopped: boolean
}

/** Pictures put in one write. */
const batchSize = 32
/** Files of these, read and embedded at one time. */
const filesAtOnce = 8

/** The vector of a whole picture; throws a SightlineError that tells why there is none. */
export async function embedFile(file: string, session: Session<EmbedInput, EmbedOutput>): Promise<Float32Array> {
  const pixels = await readPicture(file)
  return session.submit({ pixels }, [pixels.data.buffer])
}

/**
 * Puts the pictures into the gallery; `known` are others with vectors of the same embedder. A picture that is there already,
 * of the same item and under another path, is left out: it would add nothing.
 */
export async function enrol(
  gallery: Gallery,
  { pictures, session, onPicture = () => undefined, stop }: EnrolOptions,
  known: readonly Gallery[] = [],
): Promise<Enrolment> {
  const limit = pLimit(filesAtOnce)
  const enroller = new FileEnroller(gallery, known, session, new Set(pictures.map(({ path }) => path)))
  const unreadable: UnreadablePicture[] = []
  const moved: MovedPicture[] = []
  const repeated: RepeatedPicture[] = []
  let [added, reused, start] = [0, 0, 0]
  for (; start < pictures.length && stop?.aborted !== true; start += batchSize) {
    const some = pictures.slice(start, start + batchSize)
    const ids = some.map(({ path }) => path)
    const [own, ...others] = await Promise.all([gallery, ...known].map(async (one) => byId(await one.get(ids))))
    const candidatesOf = ({ path }: LabelledPicture): readonly GalleryEntry[] =>
      [own!, ...others].map((one) => one.get(path)).filter((one) => one !== undefined)
    const files = Map.groupBy(some, ({ file }) => file)
    await Promise.all([...files.keys()].map((file) => limit(() => enroller.read(file))))
    for (const picture of some) enroller.meet(picture)
    const results = await Promise.all(
      // The parts of one file follow one another; it is decoded once for them.
      [...files.values()].map((parts) => limit(() => enroller.enrol(parts, candidatesOf, onPicture))),
    )
    const entries: GalleryEntry[] = []
    for (const { picture, entry, twin, isReused, error } of results.flat()) {
      const before = own!.get(picture.path)
      if (error !== undefined) {
        unreadable.push({ path: picture.path, code: error.code, message: describeError(error) })
        // What it looked like when it could be read.
        const [last] = candidatesOf(picture)
        if (last !== undefined && last !== before) entries.push({ ...last, item: picture.item, label: picture.label })
        continue
      }
      if (twin !== undefined) repeated.push({ path: picture.path, item: picture.item, label: picture.label, twin })
      if (entry === undefined) continue
      added += 1
      if (isReused) reused += 1
      if (before !== undefined && before.item !== entry.item) moved.push(moveOf(before, entry))
      if (before === undefined || !isSame(before, entry)) entries.push(entry)
    }
    await gallery.put(entries)
  }
  return { added, reused, unreadable, moved, repeated, isStopped: start < pictures.length }
}

/** Why a build was not published: the gallery is as it was. */
export type Unpublished = 'nothing' | 'stopped' | 'not all'

export interface Built extends Enrolment {
  readonly published: GalleryInfo | Unpublished
}

/**
 * Fills the draft with the pictures, no others, and publishes it; not where none could be read, where it was stopped, or
 * where all were to be used and some, or some lines of their list (`problems`), could not.
 */
export async function buildGallery(
  build: GalleryBuild,
  options: EnrolOptions & { readonly all?: boolean; readonly problems?: number },
): Promise<Built> {
  const listed = new Set(options.pictures.map(({ path }) => path))
  const gone: string[] = []
  for await (const { id } of build.draft.list({})) if (!listed.has(id)) gone.push(id)
  // First of all: no picture may be left out for one that goes.
  if (gone.length > 0) await build.draft.remove({ ids: gone })
  const enrolment = await enrol(build.draft, options, build.current === undefined ? [] : [build.current])
  // What an earlier attempt put is no replacement.
  const built = { ...enrolment, moved: [] }
  if (enrolment.isStopped) return { ...built, published: 'stopped' }
  if (enrolment.added === 0) return { ...built, published: 'nothing' }
  if (options.all === true && enrolment.unreadable.length + (options.problems ?? 0) > 0)
    return { ...built, published: 'not all' }
  return { ...built, published: await build.publish() }
}

const byId = (entries: readonly GalleryEntry[]): ReadonlyMap<string, GalleryEntry> =>
  new Map(entries.map((entry) => [entry.id, entry]))

const isSame = (before: GalleryEntry, { item, label, vector, metadata }: GalleryEntry): boolean =>
  before.vector === vector &&
  before.item === item &&
  before.label === label &&
  isDeepStrictEqual(before.metadata, metadata)

const moveOf = (before: GalleryEntry, { id, item, label }: GalleryEntry): MovedPicture => ({
  path: id,
  from: { item: before.item, label: before.label },
  to: { item, label },
})
