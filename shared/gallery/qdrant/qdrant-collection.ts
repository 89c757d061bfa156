/**
 * A Qdrant collection as a gallery: made in one request, recognized, and refused where it holds anything else.
 *
 * Which embedder the vectors are of stands in the collection's own metadata, which Qdrant (1.16 or later) writes in the
 * request that makes it: there is never a collection of which that isn't known. The changes of a gallery are points
 * (ChangeCount); a collection begins with the revision `firstRevision`.
 */
import { z } from 'zod'
import { otherwise, SightlineError } from '../../errors/errors.ts'
import type { GalleryEmbedder, OpenMode } from '../gallery.ts'
import type { CollectionRequest, QdrantConnection } from './qdrant-connection.ts'
import { firstGeneration, pointTo, readGenerations } from './qdrant-generations.ts'
import { QdrantLease } from './qdrant-lease.ts'
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
        /** Whose generation it is. */
        gallery: z.string().optional(),
      }),
    }),
    quantization_config: z.record(z.string(), z.unknown()).nullish(),
    params: z.object({ vectors: z.record(z.string(), z.object({ size: z.int(), distance: z.string() })) }),
  }),
  payload_schema: z.record(z.string(), z.unknown()),
})

export interface Description {
  readonly embedder: GalleryEmbedder
  readonly firstRevision: number
  readonly gallery: string | undefined
  readonly indexed: ReadonlySet<string>
  readonly quantization: CollectionRequest['quantization_config']
}

/** Checks the collection, or makes an empty one. Throws GALLERY_MISSING, GALLERY_CORRUPT, GALLERY_EMBEDDER or what `call` throws. */
export async function prepareCollection(
  connection: QdrantConnection,
  embedder: GalleryEmbedder,
  mode: OpenMode,
  quantization: Quantization | undefined,
): Promise<void> {
  let found = mode === 'create' ? await describeIfThere(connection) : await describe(connection)
  if (found === undefined) {
    await makeEmpty(connection, embedder, quantizationFor(quantization))
    found = await describe(connection)
  }
  checkEmbedder(connection, found, embedder)
  if (mode !== 'read') await makeIndexes(connection, found)
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

export const describeIfThere = (connection: QdrantConnection): Promise<Description | undefined> =>
  describe(connection).catch(otherwise(['GALLERY_MISSING']))

/** Throws GALLERY_CORRUPT for a collection that is no gallery. */
async function describe(connection: QdrantConnection): Promise<Description> {
  const answer = await connection.call((client, collection) => client.getCollection(collection))
  const { data } = description.safeParse(answer)
  if (data === undefined) {
    throw corrupt(connection, 'it was not made by Sightline, or by a Qdrant older than 1.16')
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
  const { firstRevision, gallery } = sightline
  const quantization = data.config.quantization_config as Description['quantization']
  return { embedder, firstRevision, gallery, quantization, indexed: new Set(Object.keys(data.payload_schema)) }
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

/** Under the writer's hold: two that make it at once, or one that builds it meanwhile, would each take the name from the other. */
async function makeEmpty(
  gallery: QdrantConnection,
  embedder: GalleryEmbedder,
  quantization: Description['quantization'],
): Promise<void> {
  await using _lease = await QdrantLease.take(gallery)
  if ((await describeIfThere(gallery)) !== undefined) return
  const next = firstGeneration(gallery.collection)
  await makeGeneration(gallery, next, embedder, quantization)
  await pointTo(gallery, { ...(await readGenerations(gallery)), next })
}

/** Makes the collection of a generation, empty: one that is there was never finished. */
export async function makeGeneration(
  gallery: QdrantConnection,
  name: string,
  embedder: GalleryEmbedder,
  quantization: Description['quantization'],
): Promise<void> {
  const generation = gallery.sibling(name)
  const leftover = await describeIfThere(generation)
  if (leftover !== undefined) await dropGeneration(gallery, name)
  await generation.create(collectionFor(gallery.collection, embedder, quantization))
  await makeIndexes(generation, await describe(generation))
}

/** Drops one of this gallery's; somebody else's of such a name stays. */
export async function dropGeneration(gallery: QdrantConnection, name: string): Promise<void> {
  const generation = gallery.sibling(name)
  const found = await describeIfThere(generation)
  if (found === undefined) return
  if (found.gallery !== gallery.collection) throw corrupt(generation, `its name is that of a build of ${gallery.shown}`)
  await drop(generation)
}

/** Gone already is fine: a request whose answer got lost is sent again. */
export const drop = async (connection: QdrantConnection): Promise<void> => {
  await connection
    .call((client, collection) => client.deleteCollection(collection))
    .catch(otherwise(['GALLERY_MISSING']))
}

export async function makeIndexes(connection: QdrantConnection, { indexed }: Description): Promise<void> {
  for (const field_name of indexedFields.filter((field) => !indexed.has(field))) {
    await connection.call((client, collection) =>
      client.createPayloadIndex(collection, { field_name, field_schema: 'keyword', wait: true }),
    )
  }
}

function collectionFor(
  gallery: string,
  embedder: GalleryEmbedder,
  quantization: Description['quantization'],
): CollectionRequest {
  const { name, sha256, dimension } = embedder
  return {
    vectors: { [vectorName(embedder)]: { size: dimension, distance: 'Cosine' } },
    hnsw_config: { m: 16, ef_construct: 128 },
    // One log: an upsert is one record of it, whole or absent.
    shard_number: 1,
    metadata: { sightline: { format, embedder: name, sha256, dimension, firstRevision: 0, gallery } },
    ...(quantization && { quantization_config: quantization }),
  }
}

export function quantizationFor(kind: Quantization | undefined): Description['quantization'] {
  if (kind === 'scalar') return { scalar: { type: 'int8', always_ram: true } }
  return kind === 'binary' ? { binary: { always_ram: true } } : undefined
}

/** Without the validator's words: of somebody else's collection they help nobody. */
const corrupt = ({ shown }: QdrantConnection, why: string): SightlineError =>
  new SightlineError(
    'GALLERY_CORRUPT',
    `${shown} is no gallery: ${why}; choose another collection, or remove this one and build it again`,
  )
