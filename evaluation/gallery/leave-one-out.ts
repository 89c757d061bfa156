/** Each picture of a gallery left out once: what the others are most like it, of its own item and of any other. */
import type { Gallery, GalleryEntry } from '@sightline/shared/gallery/gallery.ts'
import type { CheckedPicture, Neighbour } from '@sightline/views/report/check-data.ts'
import { dot } from '../retrieval.ts'

export interface LeftOut {
  readonly picture: CheckedPicture
  readonly vector: Float32Array
  /** The most alike of its own item; null where it has no other picture. */
  readonly own: Neighbour | null
  /** The most alike of all other items; null where there is no other item. */
  readonly other: Neighbour | null
  /** The most alike of all, best first; never itself. */
  readonly nearest: readonly Neighbour[]
}

/** Entries a request. */
const readAtOnce = 256
const searchedAtOnce = 32
/** Mostly holds the best picture of the own and that of another item; where it does not, all are compared. */
export const usualHits = 32

/** Every entry with its vector, in the order of the ids. */
export async function* wholeEntries(gallery: Gallery): AsyncGenerator<GalleryEntry> {
  let ids: string[] = []
  const read = async (): Promise<GalleryEntry[]> => {
    const entries = await gallery.get(ids)
    ids = []
    return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }
  for await (const { id } of gallery.list({})) {
    ids.push(id)
    if (ids.length === readAtOnce) yield* await read()
  }
  if (ids.length > 0) yield* await read()
}

/** Holds the gallery's vectors in memory: 2 KiB a picture of 512 values. `onPicture` is called for each that was looked at. */
export async function leaveOneOut(
  gallery: Gallery,
  { onPicture, stop }: { readonly onPicture: () => void; readonly stop: AbortSignal },
): Promise<readonly LeftOut[]> {
  const entries: GalleryEntry[] = []
  for await (const entry of wholeEntries(gallery)) entries.push(entry)
  const byItem = Map.groupBy(entries, ({ item }) => item)
  const leftOut: LeftOut[] = []
  for (let start = 0; start < entries.length && !stop.aborted; start += searchedAtOnce) {
    const some = entries.slice(start, start + searchedAtOnce)
    const hits = await gallery.search(
      some.map(({ vector }) => vector),
      usualHits,
    )
    for (const [index, entry] of some.entries()) {
      const found = (hits[index] ?? []).filter(({ id }) => id !== entry.id)
      const { id, item, label, vector, metadata } = entry
      leftOut.push({
        picture: { id, item, label, metadata },
        vector,
        own: found.find((hit) => hit.item === item) ?? bestOf(entry, byItem.get(item)!),
        other:
          byItem.size < 2 ? null : (found.find((hit) => hit.item !== item) ?? bestOf(entry, othersThan(item, entries))),
        nearest: found,
      })
      onPicture()
    }
  }
  return leftOut
}

function bestOf({ id, vector }: GalleryEntry, others: Iterable<GalleryEntry>): Neighbour | null {
  let best: Neighbour | null = null
  for (const other of others) {
    if (other.id === id) continue
    const score = dot(vector, other.vector)
    if (best === null || score > best.score) best = { id: other.id, item: other.item, label: other.label, score }
  }
  return best
}

/** Asked for where an item's many pictures crowd all others out. */
function* othersThan(item: string, entries: readonly GalleryEntry[]): Generator<GalleryEntry> {
  for (const entry of entries) if (entry.item !== item) yield entry
}
