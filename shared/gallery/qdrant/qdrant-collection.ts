/**
 * A Qdrant collection as a gallery: made in one request, recognized, and refused where it holds anything else.
 *
 * Which embedder the vectors are of stands in the collection's own metadata, which Qdrant (1.16 or later) writes in the
 * request that makes it: there is never a collection of which that isn't known. The revision it begins with stands there
 * too, so that a gallery that replaces another goes on where that one ended; the changes since are points (ChangeCount).
 * Replacing has to drop the collection first, for its vectors have another name and dimension: whoever is killed between
 * the two requests leaves none, and the next one begins with revision 0.
 */
import { z } from 'zod'
import { SightlineError } from '../../errors/errors.ts'
import type { GalleryEmbedder, OpenMode } from '../gallery.ts'
import { type CollectionRequest, type QdrantConnection, statusOf } from './qdrant-connection.ts'
import type { Quantization } from './qdrant-location.ts'
import { indexedFields, sumOfChanges, vectorName } from './qdrant-points.ts'

const format = 1

const description = z.object({
  config: z.object({
    metadata: z.object({
      sightline: z.object({
        format: z.int(),
        embedder: z.string(),
        sha256: z.string(),
        dimension: z.int(),
        firstRevision: z.int(),
      }),
    }),
    params: z.object({ vectors: z.record(z.string(), z.object({ size: z.int(), distance: z.string() })) }),
  }),
  payload_schema: z.record(z.string(), z.unknown()),
})

interface Description {
  readonly embedder: GalleryEmbedder
  readonly firstRevision: number
  readonly indexed: ReadonlySet<string>
}

/** Makes or checks the collection. Throws GALLERY_MISSING, GALLERY_CORRUPT, GALLERY_EMBEDDER or what `call` throws. */
export async function prepareCollection(
  connection: QdrantConnection,
  embedder: GalleryEmbedder,
  mode: OpenMode,
  quantization: Quantization | undefined,
): Promise<void> {
  let found = mode === 'read' || mode === 'write' ? await describe(connection) : await describeIfThere(connection)
  if (found !== undefined && mode === 'replace' && found.embedder.sha256 !== embedder.sha256) {
    const revision = found.firstRevision + (await sumOfChanges(connection))
    await connection.call((client, collection) => client.deleteCollection(collection))
    await create(connection, collectionFor(embedder, quantization, revision + 1))
  } else if (found === undefined) {
    await create(connection, collectionFor(embedder, quantization, 0))
  }
  found = await describe(connection)
  checkEmbedder(connection, found, embedder)
  if (mode === 'read') return
  const missing = indexedFields.filter((field) => !found.indexed.has(field))
  for (const field_name of missing) {
    await connection.call((client, collection) =>
      client.createPayloadIndex(collection, { field_name, field_schema: 'keyword', wait: true }),
    )
  }
}

/** Reads the revision; refuses to go on where the gallery was rebuilt for another embedder meanwhile. */
export async function readRevision(connection: QdrantConnection, embedder: GalleryEmbedder): Promise<number> {
  const [firstRevision, changes] = await Promise.all([checkStillOurs(connection, embedder), sumOfChanges(connection)])
  return firstRevision + changes
}

/** Resolves with the revision that the collection began with. */
export async function checkStillOurs(connection: QdrantConnection, embedder: GalleryEmbedder): Promise<number> {
  const found = await describe(connection)
  checkEmbedder(connection, found, embedder)
  return found.firstRevision
}

async function describeIfThere(connection: QdrantConnection): Promise<Description | undefined> {
  try {
    return await describe(connection)
  } catch (error) {
    if (error instanceof SightlineError && error.code === 'GALLERY_MISSING') return undefined
    throw error
  }
}

async function describe(connection: QdrantConnection): Promise<Description> {
  const answer = await connection.call((client, collection) => client.getCollection(collection))
  const { data, error } = description.safeParse(answer)
  if (data === undefined) {
    throw corrupt(connection, 'it was not made by Sightline, or by a Qdrant older than 1.16', error)
  }
  const { sightline } = data.config.metadata
  if (sightline.format !== format) {
    throw corrupt(connection, `it has the format ${sightline.format}, this version of Sightline reads ${format}`)
  }
  const embedder = { name: sightline.embedder, sha256: sightline.sha256, dimension: sightline.dimension }
  const vectors = data.config.params.vectors[vectorName(embedder)]
  if (vectors?.size !== embedder.dimension || vectors.distance !== 'Cosine') {
    throw corrupt(connection, `its vectors are not those of ${embedder.name} that it tells of`)
  }
  return { embedder, firstRevision: sightline.firstRevision, indexed: new Set(Object.keys(data.payload_schema)) }
}

function checkEmbedder({ shown }: QdrantConnection, { embedder }: Description, wanted: GalleryEmbedder): void {
  if (embedder.sha256 === wanted.sha256 && embedder.dimension === wanted.dimension) return
  throw new SightlineError(
    embedder.sha256 === wanted.sha256 ? 'GALLERY_CORRUPT' : 'GALLERY_EMBEDDER',
    `the gallery ${shown} holds vectors of ${tell(embedder)}, loaded is ${tell(wanted)}: rebuild it with 'sightline gallery build', or choose the models it was built with`,
  )
}

const tell = ({ name, sha256, dimension }: GalleryEmbedder): string =>
  `${name} (${sha256.slice(0, 12)}, ${dimension} values)`

/** Another process that makes the same one at the same time has done the work. */
async function create(connection: QdrantConnection, request: CollectionRequest): Promise<void> {
  try {
    await connection.call((client, collection) => client.createCollection(collection, request))
  } catch (error) {
    if (statusOf(error) !== 409) throw error
  }
}

function collectionFor(
  embedder: GalleryEmbedder,
  quantization: Quantization | undefined,
  firstRevision: number,
): CollectionRequest {
  const { name, sha256, dimension } = embedder
  return {
    vectors: { [vectorName(embedder)]: { size: dimension, distance: 'Cosine' } },
    hnsw_config: { m: 16, ef_construct: 128 },
    // One log: an upsert is one record of it, whole or absent.
    shard_number: 1,
    metadata: { sightline: { format, embedder: name, sha256, dimension, firstRevision } },
    ...(quantization === 'scalar' && { quantization_config: { scalar: { type: 'int8', always_ram: true } } }),
    ...(quantization === 'binary' && { quantization_config: { binary: { always_ram: true } } }),
  }
}

const corrupt = ({ shown }: QdrantConnection, why: string, cause?: unknown): SightlineError =>
  new SightlineError(
    'GALLERY_CORRUPT',
    `${shown} is no gallery: ${why}; choose another collection, or remove this one and build it again`,
    { cause },
  )
