/**
 * Which collection a gallery's name stands for. The name is an alias of the newest of its generations, `NAME.build-1`,
 * `NAME.build-2`, …: a build fills the next one, and one request then points the alias to it, for all readers at once.
 *
 * A gallery made by an earlier version is a collection of that very name. Its first build removes it right before the alias
 * takes the name; readers ask again for a moment rather than miss it.
 */
import type { QdrantConnection } from './qdrant-connection.ts'

export interface Generations {
  /** The collection that the alias points to; undefined where there is no alias of the gallery's name. */
  readonly current: string | undefined
  /** The collection that the next build fills. */
  readonly next: string
}

/** Of the gallery made empty, by no build. */
export const firstGeneration = (gallery: string): string => `${gallery}.build-0`

export async function readGenerations(gallery: QdrantConnection): Promise<Generations> {
  const { aliases } = await gallery.call((client) => client.getAliases())
  const current = aliases.find(({ alias_name }) => alias_name === gallery.collection)?.collection_name
  return { current, next: `${gallery.collection}.build-${Math.max(numberOf(gallery.collection, current), 0) + 1}` }
}

/** From now on the gallery's name stands for `next`. */
export async function pointTo(gallery: QdrantConnection, { current, next }: Generations): Promise<void> {
  const alias_name = gallery.collection
  const actions = [
    ...(current === undefined ? [] : [{ delete_alias: { alias_name } }]),
    { create_alias: { alias_name, collection_name: next } },
  ]
  await gallery.call((client) => client.updateCollectionAliases({ actions }))
}

/** Generations that are neither in use nor to be filled: what a writer left that was killed at its end. */
export async function leftOver(gallery: QdrantConnection, { current, next }: Generations): Promise<readonly string[]> {
  const { collections } = await gallery.call((client) => client.getCollections())
  const isOurs = (name: string): boolean => numberOf(gallery.collection, name) >= 0
  return collections.map(({ name }) => name).filter((name) => isOurs(name) && name !== current && name !== next)
}

/** -1 for what is no generation of the gallery. */
function numberOf(gallery: string, collection: string | undefined): number {
  const rest = collection?.startsWith(`${gallery}.build-`) === true ? collection.slice(gallery.length + 7) : ''
  return /^\d{1,9}$/.test(rest) ? Number(rest) : -1
}
