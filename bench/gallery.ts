/** `npm run bench -- gallery`: building, opening and searching large galleries, beside an exact search and faiss' HNSW32. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type GalleryEmbedder, galleryEmbedder } from '../shared/gallery/gallery.ts'
import { openGallery } from '../shared/gallery/open-gallery.ts'
import { bundledModels, readEmbedderManifest } from '../shared/inference/models-folder.ts'
import { jittered, picturesAnItem, realEmbeddings } from './jittered.ts'
import { rivalPython } from './official.ts'
import { type Figure, NotMeasured, type Options, type Part, type Row } from './part.ts'
import { median, quantile } from './statistics.ts'

const usualSizes = [10_000, 100_000]
const putAtOnce = 1_000
/** Of pictures that are not enrolled, of items that are. */
const queryCount = 200
const boxesAFrame = 6
const nearest = 10
/** Bytes a picture that a run holds in memory: the vectors, the scan, and what JavaScript has around them. */
const bytesAPicture = 6_000

export const galleryPart: Part = {
  name: 'gallery',
  about:
    'galleries of 10,000 and 100,000 real embeddings, jittered (--items N for another size, as 1000000), beside faiss',
  isUsual: false,
  async measure(options) {
    const embedder = galleryEmbedder(await readEmbedderManifest(bundledModels))
    options.tell('gallery: embedding pictures')
    const real = await realEmbeddings(options.pictures)
    const python = await rivalPython('onnx', 'faiss').catch((error: unknown) => {
      if (!(error instanceof NotMeasured)) throw error
      return error
    })
    const rows: Row[] = []
    const sizes = options.items === undefined ? (options.quick ? usualSizes.slice(0, 1) : usualSizes) : [options.items]
    for (const size of sizes) {
      if (size * bytesAPicture > freemem()) {
        const needed = Math.ceil((size * bytesAPicture) / 2 ** 30)
        rows.push({
          name: name('all', size),
          figures: [],
          missing: `${needed} GiB of memory are needed, ${Math.floor(freemem() / 2 ** 30)} are free`,
        })
        continue
      }
      rows.push(...(await measureSize(embedder, real, size, python, options)))
    }
    return rows
  },
}

const name = (what: string, size: number): string => `${what}, ${size.toLocaleString('en-US')}`

async function measureSize(
  embedder: GalleryEmbedder,
  real: readonly Float32Array[],
  size: number,
  python: string | NotMeasured,
  options: Options,
): Promise<readonly Row[]> {
  const { dimension } = embedder
  options.tell(`gallery: making ${size} vectors`)
  const vectors = jittered(real, size, 'enrolled')
  // One of every so many items, by a picture that nobody enrolled.
  const step = Math.max(Math.floor(size / picturesAnItem / queryCount), 1) * picturesAnItem
  const queries = Array.from({ length: Math.min(queryCount, Math.floor(size / step)) }, (_, index) =>
    jittered(real, 1, 'asked', index * step),
  )
  const exact = queries.map((query) => exactNearest(query, vectors, dimension))
  const root = await mkdtemp(join(tmpdir(), 'sightline-'))
  await using scope = new AsyncDisposableStack()
  scope.defer(() => rm(root, { recursive: true, force: true }))
  const rows: Row[] = []
  const folder = join(root, 'gallery')
  options.tell(`gallery: embedded, ${size}`)
  rows.push(
    await measureGallery(name('embedded', size), folder, embedder, vectors, queries, exact, () => sizeOf(folder)),
  )
  const { QDRANT_URL: qdrant } = process.env
  if (qdrant === undefined) {
    rows.push({ name: name('Qdrant', size), figures: [], missing: 'no Qdrant: QDRANT_URL names one' })
  } else {
    options.tell(`gallery: Qdrant, ${size}`)
    const location = `${qdrant}/bench-${process.pid}-${size}`
    scope.defer(() => removeCollection(location))
    rows.push(await measureGallery(name('Qdrant', size), location, embedder, vectors, queries, exact, async () => null))
  }
  if (typeof python !== 'string') {
    rows.push({ name: name('faiss HNSW32', size), figures: [], missing: python.message })
    return rows
  }
  options.tell(`gallery: faiss, ${size}`)
  rows.push(await measureFaiss(python, root, size, vectors, queries, exact))
  return rows
}

async function measureGallery(
  what: string,
  location: string,
  embedder: GalleryEmbedder,
  vectors: Float32Array,
  queries: readonly Float32Array[],
  exact: readonly (readonly number[])[],
  disk: () => Promise<number | null>,
): Promise<Row> {
  const { dimension } = embedder
  const size = vectors.length / dimension
  const started = performance.now()
  {
    await using gallery = await openGallery(location, embedder, 'create')
    for (let from = 0; from < size; from += putAtOnce) {
      const count = Math.min(putAtOnce, size - from)
      await gallery.put(
        Array.from({ length: count }, (_, index) => {
          const number = from + index
          const item = `item-${Math.floor(number / picturesAnItem)}`
          const vector = vectors.slice(number * dimension, (number + 1) * dimension)
          return { id: String(number), item, label: item, vector, metadata: {} }
        }),
      )
    }
  }
  const builtMs = performance.now() - started
  const before = process.memoryUsage().rss
  const opening = performance.now()
  await using gallery = await openGallery(location, embedder)
  await gallery.info()
  await gallery.search([queries[0]!], nearest)
  const openedMs = performance.now() - opening
  const held = process.memoryUsage().rss - before
  const found: number[][] = []
  const single = await timesOf(queries, async (query) => {
    const [hits = []] = await gallery.search([query], nearest)
    found.push(hits.map(({ id }) => Number(id)))
  })
  const frames = queries.map((_query, index) => [...queries, ...queries].slice(index, index + boxesAFrame))
  const batched = await timesOf(frames, (frame) => gallery.search(frame, nearest))
  const bytes = await disk()
  const figures = figuresOf({ size, builtMs, single, batched, found, exact })
  return {
    name: what,
    figures: [
      ...figures,
      { value: openedMs / 1000, unit: 's to open', digits: 2 },
      { value: Math.max(held, 0) / 2 ** 20, unit: 'MiB more in the process' },
      ...(bytes === null ? [] : [{ value: bytes / 2 ** 20, unit: 'MiB on disk' }]),
    ],
  }
}

async function measureFaiss(
  python: string,
  root: string,
  size: number,
  vectors: Float32Array,
  queries: readonly Float32Array[],
  exact: readonly (readonly number[])[],
): Promise<Row> {
  const [enrolled, asked] = [join(root, 'enrolled.f32'), join(root, 'asked.f32')]
  await writeFile(enrolled, new Uint8Array(vectors.buffer))
  await writeFile(asked, Buffer.concat(queries.map((query) => new Uint8Array(query.buffer))))
  const script = fileURLToPath(new URL('./rival/faiss_gallery.py', import.meta.url))
  const { stdout } = await promisify(execFile)(
    python,
    [script, enrolled, asked, String(queries[0]!.length), String(nearest), String(boxesAFrame)],
    { maxBuffer: 64 * 2 ** 20 },
  )
  const told = JSON.parse(stdout) as {
    builtMs: number
    bytes: number
    single: number[]
    batched: number[]
    found: number[][]
  }
  return {
    name: name('faiss HNSW32', size),
    figures: [...figuresOf({ ...told, size, exact }), { value: told.bytes / 2 ** 20, unit: 'MiB on disk' }],
  }
}

interface Measured {
  readonly size: number
  readonly builtMs: number
  readonly single: readonly number[]
  readonly batched: readonly number[]
  readonly found: readonly (readonly number[])[]
  readonly exact: readonly (readonly number[])[]
}

function figuresOf({ size, builtMs, single, batched, found, exact }: Measured): readonly Figure[] {
  const recall = (k: number): number => {
    const shares = exact.map((best, index) => {
      const some = new Set(found[index]!.slice(0, k))
      return best.slice(0, k).filter((one) => some.has(one)).length / k
    })
    return shares.reduce((sum, share) => sum + share, 0) / shares.length
  }
  return [
    { value: size / (builtMs / 1000), unit: 'vectors/s built', digits: 0 },
    { value: median(single), unit: 'ms p50', digits: 2 },
    { value: quantile(single, 0.99), unit: 'ms p99', digits: 2 },
    { value: median(batched), unit: `ms p50 of ${boxesAFrame}`, digits: 2 },
    { value: quantile(batched, 0.99), unit: `ms p99 of ${boxesAFrame}`, digits: 2 },
    { value: recall(1), unit: 'recall@1', digits: 4 },
    { value: recall(nearest), unit: `recall@${nearest}`, digits: 4 },
  ]
}

async function timesOf<One>(all: readonly One[], act: (one: One) => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = []
  for (const one of all) {
    const started = performance.now()
    await act(one)
    times.push(performance.now() - started)
  }
  return times
}

/** By every single vector, in 32-bit floats; the rows of the best, best first. */
function exactNearest(query: Float32Array, vectors: Float32Array, dimension: number): readonly number[] {
  const best: { row: number; score: number }[] = []
  for (let row = 0; row * dimension < vectors.length; row += 1) {
    let score = 0
    const at = row * dimension
    for (let index = 0; index < dimension; index += 1) score += query[index]! * vectors[at + index]!
    if (best.length === nearest && score <= best[nearest - 1]!.score) continue
    best.push({ row, score })
    best.sort((a, b) => b.score - a.score)
    if (best.length > nearest) best.pop()
  }
  return best.map(({ row }) => row)
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  for (const file of await readdir(folder)) bytes += (await stat(join(folder, file))).size
  return bytes
}

async function removeCollection(location: string): Promise<void> {
  const { origin, pathname } = new URL(location)
  await fetch(`${origin}/collections${pathname}.build-0`, { method: 'DELETE' })
}
