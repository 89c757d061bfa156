/**
 * The entries of one file's pictures: the file is decoded once, and only where something of it is not known by its bytes,
 * and cut by the boxes that the list tells.
 */
import { createHash } from 'node:crypto'
import type { EmbedInput, EmbedOutput } from '@sightline/embedder/embed-task.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GalleryEntry } from '@sightline/shared/gallery/gallery.ts'
import { decodeImage, defaultImageLimits, type Pixels } from '@sightline/shared/imaging/decode.ts'
import { memoryForPictures, PictureMemory, type Room } from '@sightline/shared/imaging/picture-memory.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import { fragmentIn, ownFields, type Part, type PictureBox } from './enrolled-file.ts'
import type { LabelledPicture } from './label-file.ts'
import { readPictureFile } from './pictures.ts'

/** Another picture of the same bytes. */
export interface Twin {
  readonly id: string
  readonly item: string
  readonly label: string
}

/** What became of a picture: an entry, nothing because its twin is there, or an error of its own. */
export interface EnrolledPicture {
  readonly picture: LabelledPicture
  readonly entry?: GalleryEntry
  readonly twin?: Twin
  /** Its vector was there already. */
  readonly isReused?: boolean
  readonly error?: SightlineError
}

/** A part with fewer pixels a side shows nothing. */
const leastSide = 8

export class FileEnroller {
  readonly #gallery: Gallery
  readonly #known: readonly Gallery[]
  readonly #session: Session<EmbedInput, EmbedOutput>
  readonly #memory = new PictureMemory(memoryForPictures())
  /** Of this enrolment: the first picture of each content, and of each content and item. */
  readonly #met = new Map<string, Twin>()

  readonly #listed: ReadonlySet<string>
  /** By file, until it is enrolled: the SHA-256 of its bytes, or why there are none. */
  readonly #contents = new Map<string, string | SightlineError>()
  readonly #twins = new Map<string, Twin | undefined>()

  /** `known` are other galleries with vectors of the same embedder, `listed` the ids of all that is to be enrolled. */
  constructor(
    gallery: Gallery,
    known: readonly Gallery[],
    session: Session<EmbedInput, EmbedOutput>,
    listed: ReadonlySet<string>,
  ) {
    this.#gallery = gallery
    this.#known = known
    this.#session = session
    this.#listed = listed
  }

  /**
   * Looks at the bytes of a file's pictures, all before any of them is enrolled: which of two that are the same is left out
   * is decided by their order in the list, not by which file was read first.
   */
  async read(file: string): Promise<void> {
    const content = await contentOf(file).catch((error: unknown) => {
      if (!(error instanceof SightlineError) || error.retryable) throw error
      return error
    })
    this.#contents.set(file, content)
  }

  /** In the order of the list, once their files were read. */
  meet(picture: LabelledPicture): void {
    const content = this.#contents.get(picture.file)
    if (typeof content === 'string') this.#twins.set(picture.path, this.#meet(picture, content))
  }

  /** `pictures` are all of one file, which was met. Throws only what is no picture's own fault. */
  async enrol(
    pictures: readonly LabelledPicture[],
    candidatesOf: (picture: LabelledPicture) => readonly GalleryEntry[],
    onPicture: () => void,
  ): Promise<readonly EnrolledPicture[]> {
    using room = this.#memory.room()
    const source = new Source(pictures[0]!.file, room, pictures.length > 1)
    const enrolled: EnrolledPicture[] = []
    for (const picture of pictures) {
      try {
        enrolled.push(await this.#one(picture, source, candidatesOf(picture)))
      } catch (error) {
        if (!(error instanceof SightlineError) || error.retryable) throw error
        enrolled.push({ picture, error })
      } finally {
        onPicture()
      }
    }
    this.#contents.delete(pictures[0]!.file)
    return enrolled
  }

  async #one(picture: LabelledPicture, source: Source, candidates: readonly GalleryEntry[]): Promise<EnrolledPicture> {
    const { path: id, item, label, part, metadata = {} } = picture
    const content = this.#contents.get(picture.file)
    if (typeof content !== 'string') throw content ?? new Error(`${picture.file} was not read`)
    const entryWith = (vector: Float32Array, box: unknown): GalleryEntry => {
      const own = { [ownFields.content]: content, ...(part !== undefined && { [ownFields.box]: box }) }
      return { id, item, label, vector, metadata: { ...metadata, ...own } }
    }
    const met = this.#twins.get(id)
    this.#twins.delete(id)
    const same = candidates.find((one) => one.metadata[ownFields.content] === content)
    if (same !== undefined)
      return { picture, entry: entryWith(same.vector, same.metadata[ownFields.box]), isReused: true }
    if (met?.item === item) return { picture, twin: met }
    const stored = await this.#storedTwin(this.#gallery, picture, content)
    // One that is listed too may be about to become another picture: left out for it, this one would be lost.
    if (stored?.item === item && !this.#listed.has(stored.id)) return { picture, twin: stored }
    const twin = met ?? (stored === undefined || stored.item === item ? undefined : stored)
    const told = twin === undefined ? {} : { twin }
    for (const gallery of [this.#gallery, ...this.#known]) {
      const other = gallery === this.#gallery ? stored : await this.#storedTwin(gallery, picture, content)
      const [whole] = other === undefined ? [] : await gallery.get([other.id])
      if (whole === undefined) continue
      return { picture, entry: entryWith(whole.vector, whole.metadata[ownFields.box]), isReused: true, ...told }
    }
    const pixels = await source.pixels()
    const box = part === undefined ? undefined : pixelBox(part, pixels, id)
    const input = box === undefined ? source.give(pixels) : cut(pixels, box)
    const vector = await this.#session.submit({ pixels: input }, [input.data.buffer])
    return { picture, entry: entryWith(vector, box), ...told }
  }

  /** The same picture, met before in this enrolment; of the same item first. */
  #meet({ path: id, item, label }: LabelledPicture, content: string): Twin | undefined {
    const keys = [item, null].map((whose) => JSON.stringify([content, fragmentIn(id), whose]))
    const met = keys.map((key) => this.#met.get(key)).find((one) => one !== undefined && one.id !== id)
    for (const key of keys) if (!this.#met.has(key)) this.#met.set(key, { id, item, label })
    return met
  }

  /** The same picture, or part, under another id; of the same item first: of another it is a question, not a repetition. */
  async #storedTwin(gallery: Gallery, { path, item }: LabelledPicture, content: string): Promise<Twin | undefined> {
    let found: Twin | undefined
    for await (const { id, item: whose, label } of gallery.list({ contents: [content] })) {
      if (id === path || fragmentIn(id) !== fragmentIn(path)) continue
      if (whose === item) return { id, item, label }
      found ??= { id, item: whose, label }
    }
    return found
  }
}

const contentOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readPictureFile(file))
    .digest('hex')

/** A file, decoded once, as soon as somebody asks. */
class Source {
  readonly #file: string
  readonly #room: Room
  readonly #isShared: boolean
  #pixels: Pixels | undefined

  constructor(file: string, room: Room, isShared: boolean) {
    this.#file = file
    this.#room = room
    this.#isShared = isShared
  }

  async pixels(): Promise<Pixels> {
    this.#pixels ??= await decodeImage(await readPictureFile(this.#file), defaultImageLimits, this.#room)
    return this.#pixels
  }

  /** Pixels that may be moved to a worker: copied only where others of the file are still to be cut. */
  give(pixels: Pixels): Pixels {
    return this.#isShared ? { ...pixels, data: pixels.data.slice() } : pixels
  }
}

/** Whole pixels that hold the part, within the picture. Throws IMAGE_UNREADABLE where that is next to nothing. */
function pixelBox({ box, unit }: Part, { width, height }: Pixels, id: string): PictureBox {
  const [x, y] = unit === 'percent' ? [width / 100, height / 100] : [1, 1]
  const within = (value: number, most: number): number => Math.min(Math.max(value, 0), most)
  const [x1, y1, x2, y2] = [
    within(Math.floor(box[0] * x + 1e-6), width),
    within(Math.floor(box[1] * y + 1e-6), height),
    within(Math.ceil(box[2] * x - 1e-6), width),
    within(Math.ceil(box[3] * y - 1e-6), height),
  ]
  if (x2 - x1 >= leastSide && y2 - y1 >= leastSide) return [x1, y1, x2, y2]
  const size = `${Math.max(x2 - x1, 0)} × ${Math.max(y2 - y1, 0)}`
  throw new SightlineError(
    'IMAGE_UNREADABLE',
    `the box of ${id} has ${size} pixels of the ${width} × ${height} of the picture; at least ${leastSide} a side are needed`,
  )
}

function cut({ data, width }: Pixels, [x1, y1, x2, y2]: PictureBox): Pixels {
  const row = (x2 - x1) * 3
  const part = new Uint8Array(row * (y2 - y1))
  for (let y = y1; y < y2; y += 1) {
    const from = (y * width + x1) * 3
    part.set(data.subarray(from, from + row), (y - y1) * row)
  }
  return { data: part, width: x2 - x1, height: y2 - y1 }
}
