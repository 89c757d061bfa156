/** What is wrong with a gallery's pictures and items, from each picture left out once. Pure. */
import type {
  CheckedPicture,
  ClosePair,
  Doubtful,
  Duplicate,
  ItemCheck,
  Named,
  Neighbour,
} from '@sightline/views/report/check-data.ts'
import { dot } from '../retrieval.ts'
import type { LeftOut } from './leave-one-out.ts'

/** From here on two pictures are the same one, stored or cut anew. */
export const duplicateScore = 0.98
/** From here on a picture shows nothing that the other did not. */
export const sameViewScore = 0.95
/** So many pictures that differ: with fewer, most of what a camera sees of an item looks like none of them. */
export const fewestDistinct = 3
/** A picture is doubtful where another item is so much more like it than its own. */
const doubtfulMargin = 0.05
/** Of the nearest pictures, those that say whose it is. */
const voters = 3
/** Pictures of one item that are compared with each other. */
const mostCompared = 200

const byId = (leftOut: readonly LeftOut[]): ReadonlyMap<string, CheckedPicture> =>
  new Map(leftOut.map(({ picture }) => [picture.id, picture]))

/** Most alike first. */
export function findDuplicates(leftOut: readonly LeftOut[]): readonly Duplicate[] {
  const pictures = byId(leftOut)
  return leftOut
    .flatMap(({ picture, nearest }) =>
      nearest.flatMap(({ id, score }): Duplicate[] => {
        const other = pictures.get(id)
        if (score < duplicateScore || other === undefined || id < picture.id) return []
        const { sha256, box } = picture.metadata
        const isSame = typeof sha256 === 'string' && sha256 === other.metadata['sha256']
        const isCopy = isSame && JSON.stringify(box) === JSON.stringify(other.metadata['box'])
        return [{ pictures: [picture, other], score, isCopy }]
      }),
    )
    .sort((a, b) => b.score - a.score)
}

/** The most likely mislabelled first. */
export function findDoubtful(leftOut: readonly LeftOut[]): readonly Doubtful[] {
  const pictures = byId(leftOut)
  return leftOut
    .flatMap(({ picture, own, other, nearest }): Doubtful[] => {
      if (own === null || other === null || other.score - own.score < doubtfulMargin) return []
      const votes = nearest.slice(0, voters).filter(({ item }) => item === other.item).length
      // An item with one other picture has one vote only; its likeness must then speak for itself.
      return votes * 2 > voters || other.score >= duplicateScore
        ? [{ picture, own, other, otherPicture: pictures.get(other.id)! }]
        : []
    })
    .sort((a, b) => b.other.score - b.own.score - (a.other.score - a.own.score))
}

/** Pairs that are confused, or as alike as pictures of one item usually are; the most confused first. */
export function findClose(leftOut: readonly LeftOut[]): readonly ClosePair[] {
  const usual = median(leftOut.flatMap(({ own }) => (own === null ? [] : [own.score])))
  const all = byId(leftOut)
  const pairs = new Map<string, { -readonly [Field in keyof ClosePair]: ClosePair[Field] }>()
  for (const { picture, own, other } of leftOut) {
    const found = other === null ? undefined : all.get(other.id)
    if (other === null || found === undefined) continue
    const isConfused = own !== null && other.score > own.score
    if (!isConfused && other.score < (usual ?? duplicateScore)) continue
    const both = picture.item < found.item ? ([picture, found] as const) : ([found, picture] as const)
    const key = JSON.stringify(both.map(({ item }) => item))
    const pair = pairs.get(key) ?? { items: [named(both[0]), named(both[1])], pictures: both, score: -1, confused: 0 }
    pair.confused += isConfused ? 1 : 0
    if (other.score > pair.score) Object.assign(pair, { score: other.score, pictures: both })
    pairs.set(key, pair)
  }
  return [...pairs.values()].sort((a, b) => b.confused - a.confused || b.score - a.score)
}

/** The worst recall first, then the fewest pictures; those of which nothing is confused last. */
export function checkItems(leftOut: readonly LeftOut[], close: readonly ClosePair[]): readonly ItemCheck[] {
  const closest = new Map<string, ClosePair[]>()
  for (const pair of close) for (const { item } of pair.items) closest.set(item, [...(closest.get(item) ?? []), pair])
  return [...Map.groupBy(leftOut, ({ picture }) => picture.item)]
    .map(([item, some]) => checkItem(item, some, closest.get(item) ?? []))
    .sort((a, b) => (a.recall ?? 1) - (b.recall ?? 1) || a.distinct - b.distinct || (a.item < b.item ? -1 : 1))
}

function checkItem(item: string, pictures: readonly LeftOut[], close: readonly ClosePair[]): ItemCheck {
  const { label } = pictures[0]!.picture
  const vectors = pictures.slice(0, mostCompared).map(({ vector }) => vector)
  const distinct = distinctOf(vectors) + pictures.length - vectors.length
  const isAlone = pictures.length === 1
  const missed = pictures.filter(({ own, other }) => own !== null && other !== null && other.score > own.score)
  const advice: string[] = []
  if (isAlone) advice.push('only one picture: add some from other sides, best as the cameras see it')
  else if (distinct === 1) advice.push(`${pictures.length} pictures show one side only: add others`)
  else if (distinct < fewestDistinct) advice.push(`only ${distinct} pictures that differ: add other sides`)
  for (const [other, count] of countedBy(missed.flatMap((one) => one.other ?? []))) {
    advice.push(
      `${count} of ${pictures.length} pictures ${count === 1 ? 'is' : 'are'} more like ${other}: add pictures that show the difference, or mend their labels`,
    )
  }
  if (missed.length === 0) {
    for (const { items } of close.slice(0, 3)) {
      const other = items.find((one) => one.item !== item)
      if (other !== undefined) advice.push(`hard to tell from ${other.label}: add pictures that show the difference`)
    }
  }
  return {
    item,
    label,
    pictures: pictures.length,
    distinct,
    likeness: isAlone ? null : likenessOf(vectors),
    recall: isAlone ? null : 1 - missed.length / pictures.length,
    isEnough: advice.length === 0,
    advice,
  }
}

const named = ({ item, label }: Named): Named => ({ item, label })

function countedBy(others: readonly Neighbour[]): readonly (readonly [label: string, count: number])[] {
  const counts = new Map<string, number>()
  for (const { label } of others) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)
}

/** How many are left where those that show what another one shows are left out. */
function distinctOf(vectors: readonly Float32Array[]): number {
  const kept: Float32Array[] = []
  for (const vector of vectors) if (kept.every((one) => dot(one, vector) < sameViewScore)) kept.push(vector)
  return kept.length
}

function likenessOf(vectors: readonly Float32Array[]): number {
  let [sum, count] = [0, 0]
  for (const [index, a] of vectors.entries()) {
    for (const b of vectors.slice(index + 1)) {
      sum += dot(a, b)
      count += 1
    }
  }
  return sum / count
}

export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}
