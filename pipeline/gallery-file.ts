/**
 * A gallery as one portable file: JSON lines that any language reads, packed with gzip where the name ends in `.gz`. The
 * first tells the embedder and the rules, each other a picture with its vector (float32, little-endian, base64), and the
 * last how many there were and their SHA-256: a file that was cut short is told.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GalleryEmbedder, GalleryEntry } from '@sightline/shared/gallery/gallery.ts'
import { type GalleryRules, readRules } from '@sightline/shared/gallery/rules.ts'
import { z } from 'zod'
import { unreadableFile } from './pictures.ts'

const format = 1
/** Entries read or put at a time. */
const atOnce = 256

const headSchema = z.object({
  sightlineGallery: z.int(),
  embedder: z.object({
    name: z.string(),
    sha256: z.string(),
    dimension: z.int().positive(),
    threshold: z.number().optional(),
  }),
  entries: z.int().nonnegative(),
  items: z.int().nonnegative(),
  rules: z.unknown(),
})
const entrySchema = z.object({
  id: z.string(),
  item: z.string(),
  label: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  vector: z.base64(),
})
const endSchema = z.object({ end: z.object({ entries: z.int(), sha256: z.string() }) })

export interface GalleryFileHead {
  readonly embedder: GalleryEmbedder
  readonly entries: number
  readonly items: number
  readonly rules: GalleryRules
}

/** Written beside and renamed: a file of this name is whole. Returns the number of pictures; throws what the gallery throws. */
export async function writeGalleryFile(
  gallery: Gallery,
  file: string,
  onPicture: () => void = () => undefined,
): Promise<number> {
  const { embedder, entries, items } = await gallery.info()
  const head = { sightlineGallery: format, embedder, entries, items, rules: await gallery.rules() }
  let written = 0
  const lines = async function* (): AsyncGenerator<string> {
    const hash = createHash('sha256')
    yield `${JSON.stringify(head)}\n`
    for await (const some of inBatches(gallery.list({}), atOnce)) {
      const whole = new Map((await gallery.get(some.map(({ id }) => id))).map((entry) => [entry.id, entry]))
      for (const { id } of some) {
        const entry = whole.get(id)
        // Removed since it was listed.
        if (entry === undefined) continue
        const line = `${JSON.stringify({ ...entry, vector: base64Of(entry.vector) })}\n`
        hash.update(line)
        written += 1
        onPicture()
        yield line
      }
    }
    yield `${JSON.stringify({ end: { entries: written, sha256: hash.digest('hex') } })}\n`
  }
  const made = `${file}.new`
  try {
    const target = createWriteStream(made)
    await (isPacked(file)
      ? pipeline(Readable.from(lines()), createGzip(), target)
      : pipeline(Readable.from(lines()), target))
    await using handle = await open(made, 'r+')
    await handle.sync()
    await rename(made, file)
  } catch (error) {
    await rm(made, { force: true })
    throw error
  }
  return written
}

/** The first line; throws GALLERY_CORRUPT for a file that is no such file, FILE_UNREADABLE for none. */
export async function readGalleryFileHead(file: string): Promise<GalleryFileHead> {
  for await (const line of linesOf(file)) return headOf(file, line)
  throw corrupt(file, 'it is empty')
}

/** The pictures of the file, some at a time. Throws GALLERY_CORRUPT for what is damaged or cut short, at the latest at its end. */
export async function* readGalleryFile(file: string): AsyncGenerator<readonly GalleryEntry[]> {
  const hash = createHash('sha256')
  let head: GalleryFileHead | undefined
  let [number, read, isWhole] = [0, 0, false]
  let some: GalleryEntry[] = []
  for await (const line of linesOf(file)) {
    number += 1
    if (head === undefined) {
      head = headOf(file, line)
      continue
    }
    const found = parsed(file, number, line)
    const { end } = endSchema.safeParse(found).data ?? {}
    if (end !== undefined) {
      if (end.entries !== read || end.sha256 !== hash.digest('hex'))
        throw corrupt(file, 'its pictures are not those that it was written with')
      isWhole = true
      break
    }
    hash.update(`${line}\n`)
    const { data } = entrySchema.safeParse(found)
    if (data === undefined) throw corrupt(file, `line ${number} is no picture`)
    some.push({ ...data, vector: vectorOf(data.vector) })
    read += 1
    if (some.length === atOnce) {
      yield some
      some = []
    }
  }
  if (!isWhole) throw corrupt(file, `it ends after ${read} of ${head?.entries ?? 0} pictures`)
  if (some.length > 0) yield some
}

/**
 * Says why vectors of the file's embedder can't be searched with the one in use: nothing in it would ever be found, or the
 * wrong things would.
 */
export function checkFileEmbedder(file: string, { embedder }: GalleryFileHead, inUse: GalleryEmbedder): void {
  if (embedder.sha256 === inUse.sha256 && embedder.dimension === inUse.dimension) return
  throw new SightlineError(
    'GALLERY_EMBEDDER',
    `${file} holds vectors of ${embedder.name} (${embedder.sha256.slice(0, 12)}), in use is ${inUse.name} (${inUse.sha256.slice(0, 12)}): choose the models it was made with (--models), or build the gallery from the pictures`,
  )
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const source = createReadStream(file)
  const text = isPacked(file) ? source.pipe(createGunzip()) : source
  // A pipe hands its source's errors to nobody.
  if (text !== source) source.on('error', (error) => text.destroy(error))
  try {
    yield* createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })
    if (text.errored) throw text.errored
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && String(cause.code).startsWith('Z_')) {
      throw corrupt(file, describeError(cause))
    }
    throw unreadableFile(file, cause)
  } finally {
    source.destroy()
  }
}

function headOf(file: string, line: string): GalleryFileHead {
  const { data } = headSchema.safeParse(parsed(file, 1, line))
  if (data === undefined) throw corrupt(file, "it is not what 'sightline gallery export' writes")
  if (data.sightlineGallery !== format) {
    throw corrupt(file, `it has the format ${data.sightlineGallery}, this version of Sightline reads ${format}`)
  }
  const { threshold, ...embedder } = data.embedder
  const whose = { ...embedder, ...(threshold !== undefined && { threshold }) }
  return { embedder: whose, entries: data.entries, items: data.items, rules: readRules(JSON.stringify(data.rules)) }
}

function parsed(file: string, number: number, line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw corrupt(file, `line ${number} is no JSON`)
  }
}

async function* inBatches<Item>(all: AsyncIterable<Item>, most: number): AsyncGenerator<Item[]> {
  let some: Item[] = []
  for await (const one of all) {
    some.push(one)
    if (some.length < most) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}

const isPacked = (file: string): boolean => file.endsWith('.gz')

const base64Of = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')

/** Copied: bytes of a text lie unaligned. */
const vectorOf = (base64: string): Float32Array =>
  new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)

const corrupt = (file: string, why: string): SightlineError =>
  new SightlineError('GALLERY_CORRUPT', `${file} can't be imported: ${why}`)
