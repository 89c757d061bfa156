/**
 * The one way of a labelled picture into a gallery: read, decoded, embedded whole, put in batches. An unreadable picture is
 * skipped and told; one whose bytes were embedded before is not embedded again.
 */
import { createHash } from 'node:crypto'
import type { EmbedInput, EmbedOutput } from '@sightline/embedder/embed-task.ts'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GalleryBuild, GalleryEntry, GalleryInfo } from '@sightline/shared/gallery/gallery.ts'
import { decodeImage, defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import { memoryForPictures, PictureMemory } from '@sightline/shared/imaging/picture-memory.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import pLimit from 'p-limit'
import type { LabelledPicture } from './label-file.ts'
import { readPicture, readPictureFile } from './pictures.ts'

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
  /** Stopped before the last picture. */
  readonly isStopped: boolean
}

/** The field of an entry's metadata that tells which bytes its vector is of. */
const hashField = 'sha256'

/** Pictures put in one write. */
const batchSize = 32
/** Of these, read and embedded at one time. */
const picturesAtOnce = 8

/** The vector of a whole picture; throws a SightlineError that tells why there is none. */
export async function embedFile(file: string, session: Session<EmbedInput, EmbedOutput>): Promise<Float32Array> {
  const pixels = await readPicture(file)
  return session.submit({ pixels }, [pixels.data.buffer])
}

/** Puts the pictures into the gallery; `known` are others with vectors of the same embedder. */
export async function enrol(
  gallery: Gallery,
  { pictures, session, onPicture = () => undefined, stop }: EnrolOptions,
  known: readonly Gallery[] = [],
): Promise<Enrolment> {
  const memory = new PictureMemory(memoryForPictures())
  const limit = pLimit(picturesAtOnce)
  const unreadable: UnreadablePicture[] = []
  const moved: MovedPicture[] = []
  let [added, reused, start] = [0, 0, 0]
  for (; start < pictures.length && stop?.aborted !== true; start += batchSize) {
    const some = pictures.slice(start, start + batchSize)
    const ids = some.map(({ path }) => path)
    const [own, ...others] = await Promise.all([gallery, ...known].map(async (one) => byId(await one.get(ids))))
    const entries = await Promise.all(
      some.map(async (picture): Promise<GalleryEntry | null> => {
        const before = own!.get(picture.path)
        const candidates = [before, ...others.map((one) => one.get(picture.path))].filter((one) => one !== undefined)
        try {
          const entry = await limit(() => entryOf(picture, session, candidates, memory))
          added += 1
          if (candidates.some(({ vector }) => vector === entry.vector)) reused += 1
          if (before !== undefined && before.item !== entry.item) moved.push(moveOf(before, entry))
          return before !== undefined && isSame(before, entry) ? null : entry
        } catch (error) {
          if (!(error instanceof SightlineError) || error.retryable) throw error
          unreadable.push({ path: picture.path, code: error.code, message: describeError(error) })
          // What it looked like when it could be read.
          const [last] = candidates
          return last === undefined || last === before ? null : { ...last, item: picture.item, label: picture.label }
        } finally {
          onPicture()
        }
      }),
    )
    await gallery.put(entries.filter((entry) => entry !== null))
  }
  return { added, reused, unreadable, moved, isStopped: start < pictures.length }
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
  const enrolment = await enrol(build.draft, options, build.current === undefined ? [] : [build.current])
  // What an earlier attempt put is no replacement.
  const built = { ...enrolment, moved: [] }
  if (enrolment.isStopped) return { ...built, published: 'stopped' }
  if (enrolment.added === 0) return { ...built, published: 'nothing' }
  if (options.all === true && enrolment.unreadable.length + (options.problems ?? 0) > 0)
    return { ...built, published: 'not all' }
  const listed = new Set(options.pictures.map(({ path }) => path))
  const gone: string[] = []
  for await (const { id } of build.draft.list({})) if (!listed.has(id)) gone.push(id)
  if (gone.length > 0) await build.draft.remove({ ids: gone })
  return { ...built, published: await build.publish() }
}

/** The vector of a candidate that is of the same bytes, or a new one. */
async function entryOf(
  { path: id, file, item, label }: LabelledPicture,
  session: Session<EmbedInput, EmbedOutput>,
  candidates: readonly GalleryEntry[],
  memory: PictureMemory,
): Promise<GalleryEntry> {
  const bytes = await readPictureFile(file)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const known = candidates.find(({ metadata }) => metadata[hashField] === sha256)
  if (known !== undefined) return { ...known, item, label }
  using room = memory.room()
  const pixels = await decodeImage(bytes, defaultImageLimits, room)
  const vector = await session.submit({ pixels }, [pixels.data.buffer])
  return { id, item, label, vector, metadata: { [hashField]: sha256 } }
}

const byId = (entries: readonly GalleryEntry[]): ReadonlyMap<string, GalleryEntry> =>
  new Map(entries.map((entry) => [entry.id, entry]))

const isSame = (before: GalleryEntry, { item, label, vector }: GalleryEntry): boolean =>
  before.vector === vector && before.item === item && before.label === label

const moveOf = (before: GalleryEntry, { id, item, label }: GalleryEntry): MovedPicture => ({
  path: id,
  from: { item: before.item, label: before.label },
  to: { item, label },
})
