/** What Qdrant stores: a point for each entry, and one for each writer's count of changes; told apart by `kind`. */
import { createHash, randomUUID } from 'node:crypto'
import type { GalleryEmbedder, GalleryEntry, GallerySelection, Hit, MetadataValue } from '../gallery.ts'
import { clampCosine } from '../vectors.ts'
import type { Condition, Filter, Point, QdrantConnection } from './qdrant-connection.ts'

/** Payload fields that are searched by. */
export const indexedFields = ['kind', 'id', 'item', 'label', 'metadata.sha256'] as const

/**
 * The vectors' name in a collection: half of the embedder's checksum. So Qdrant itself refuses, in every single search and
 * write, the vectors of another embedder than the collection's.
 */
export const vectorName = ({ sha256 }: GalleryEmbedder): string => sha256.slice(0, 32)

/** Qdrant's ids are numbers or UUIDs: the first half of the id's SHA-256 as one of version 8 (RFC 9562, 5.8). */
export function pointId(entryId: string): string {
  const bytes = createHash('sha256').update(entryId).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

export const entryPoint = (entry: GalleryEntry, embedder: GalleryEmbedder): Point => ({
  id: pointId(entry.id),
  vector: { [vectorName(embedder)]: Array.from(entry.vector) },
  payload: { kind: 'entry', id: entry.id, item: entry.item, label: entry.label, metadata: entry.metadata },
})

export type Payload = Readonly<Record<string, unknown>> | null | undefined

export interface FoundPoint {
  readonly payload?: Payload
  readonly vector?: unknown
}

export const entryOf = (payload: Payload): Omit<GalleryEntry, 'vector'> => ({
  id: String(payload?.['id']),
  item: String(payload?.['item']),
  label: String(payload?.['label']),
  metadata: (payload?.['metadata'] ?? {}) as Record<string, unknown>,
})

/** With its vector, which Qdrant gives back under its name. */
export const wholeEntryOf = ({ payload, vector }: FoundPoint, embedder: GalleryEmbedder): GalleryEntry => ({
  ...entryOf(payload),
  vector: Float32Array.from((vector as Record<string, number[]> | undefined)?.[vectorName(embedder)] ?? []),
})

export function hitsOf(found: readonly { readonly score: number; readonly payload?: Payload }[]): Hit[] {
  const hits = found.map(({ score, payload }) => {
    const { id, item, label } = entryOf(payload)
    return { id, item, label, score: clampCosine(score) }
  })
  return hits.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}

/**
 * The entries of a selection whose vectors are the embedder's: of a collection that was put in the place of this one for
 * another embedder it matches nothing, in the very request that reads or removes.
 */
export function filterOf(
  { ids, items, labels, contents, metadata }: GallerySelection,
  embedder: GalleryEmbedder,
): Filter {
  const fields = [
    ['item', items],
    ['label', labels],
    ['metadata.sha256', contents],
  ] as const
  return {
    must: [
      { key: 'kind', match: { value: 'entry' } },
      { has_vector: vectorName(embedder) },
      ...(ids === undefined ? [] : [{ has_id: ids.map(pointId) }]),
      ...fields.flatMap(([key, any]) => (any === undefined ? [] : [{ key, match: { any: [...any] } }])),
      ...Object.entries(metadata ?? {}).map(([field, wanted]) => ({
        should: wanted.map((one) => fieldIs(field, one)),
      })),
    ],
  }
}

/** Qdrant tells no text from a field's path unless it is quoted, and compares numbers by their range. */
function fieldIs(field: string, value: MetadataValue): Condition {
  const key = `metadata."${field}"`
  return typeof value === 'number' ? { key, range: { gte: value, lte: value } } : { key, match: { value } }
}

/** The point with the gallery's rules; no entry's id becomes this one, which is of no version. */
const rulesId = '00000000-0000-0000-0000-000000000001'

/** For one embedder: what was decided about another's similarities says nothing of this one's. */
export const rulesPoint = (rules: string, { sha256 }: GalleryEmbedder): Point => ({
  id: rulesId,
  vector: {},
  payload: { kind: 'rules', sha256, rules },
})

/** As `writeRules` made them; undefined where there are none of this embedder. */
export async function readRulesPoint(
  connection: QdrantConnection,
  { sha256 }: GalleryEmbedder,
): Promise<string | undefined> {
  const ids = [rulesId]
  const [found] = await connection.call((client, collection) =>
    client.retrieve(collection, { ids, with_payload: true }),
  )
  const payload = found?.payload
  return payload?.['kind'] === 'rules' && payload['sha256'] === sha256 ? String(payload['rules']) : undefined
}

/**
 * One writer's count of its changes. The gallery's revision is the sum of all writers' counts, so that two that write at
 * once both raise it, without a lock that Qdrant does not have. Each count is a point without a vector, which no search
 * finds. A put carries it in the same operation, one record of Qdrant's log: a crash keeps both or none.
 */
export class ChangeCount {
  #id = randomUUID()
  #changes = 0

  /** The count after one more change. */
  next(): Point {
    this.#changes += 1
    return { id: this.#id, vector: {}, payload: { kind: 'count', changes: this.#changes } }
  }

  /** After a write whose end is unknown: if it still arrives, late, it can't set back what was counted since. */
  startAnew(): void {
    this.#id = randomUUID()
    this.#changes = 0
  }
}

/** A count that takes the sum of all of them from one number to another. */
export const countOf = (from: number, to: number): Point => ({
  id: randomUUID(),
  vector: {},
  payload: { kind: 'count', changes: to - from },
})

const countsPage = 1000

export async function sumOfChanges(connection: QdrantConnection): Promise<number> {
  const filter: Filter = { must: [{ key: 'kind', match: { value: 'count' } }] }
  let sum = 0
  for await (const payload of scroll(connection, filter, ['changes'], countsPage)) sum += Number(payload?.['changes'])
  return sum
}

/** The payloads of all points that match, in no order. */
export async function* scroll(
  connection: QdrantConnection,
  filter: Filter,
  fields: string[],
  most: number,
): AsyncGenerator<Payload> {
  let offset: string | number | undefined
  do {
    const page = await connection.call((client, collection) =>
      client.scroll(collection, { filter, with_payload: fields, limit: most, ...(offset !== undefined && { offset }) }),
    )
    for (const { payload } of page.points) yield payload
    const next = page.next_page_offset
    offset = typeof next === 'string' || typeof next === 'number' ? next : undefined
  } while (offset !== undefined)
}
