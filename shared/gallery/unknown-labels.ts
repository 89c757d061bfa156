/** Labels that somebody names and no entry of a gallery has, most likely misspelt, with the known ones that are closest. */
import type { Gallery } from './gallery.ts'

/** Entries that are looked through for closest labels: a hint must not read a gallery of millions. */
const mostEntries = 50_000
const mostSuggestions = 3
/** What is compared of a label. */
const mostLetters = 60

/** One sentence for each label that no entry has; nothing where all are known. */
export async function tellUnknownLabels(
  gallery: Pick<Gallery, 'list'>,
  wanted: Iterable<string>,
): Promise<readonly string[]> {
  const unknown: string[] = []
  for (const label of new Set(wanted)) if (!(await hasLabel(gallery, label))) unknown.push(label)
  if (unknown.length === 0) return []
  const known = await labelsOf(gallery)
  return unknown.map((label) => {
    const close = closestLabels(label, known)
    const hint = close.length === 0 ? '' : `; did you mean ${close.map((one) => `'${one}'`).join(' or ')}?`
    return `no entry of the gallery has the label '${label}'${hint}`
  })
}

/** The known labels that `wanted` may have been meant to be, closest first. */
export function closestLabels(wanted: string, known: Iterable<string>): readonly string[] {
  const letters = folded(wanted)
  const most = Math.max(2, Math.floor(letters.length / 2))
  const distanceTo = (label: string): number => {
    const other = folded(label)
    // A part of a long label is a likely mistake too.
    return other.length > letters.length + most && other.join('').includes(letters.join(''))
      ? most
      : distanceWithin(most, letters, other)
  }
  return [...new Set(known)]
    .map((label) => ({ label, distance: distanceTo(label) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || (a.label < b.label ? -1 : 1))
    .slice(0, mostSuggestions)
    .map(({ label }) => label)
}

/** Letters without case, and the same letter in one form however it is written. */
const folded = (label: string): readonly string[] =>
  [
    ...label
      .slice(0, 2 * mostLetters)
      .normalize('NFKC')
      .toLowerCase()
      .trim(),
  ].slice(0, mostLetters)

/** Letters to add, to leave out, to replace or to swap with their neighbour; anything above `most` where it is more. */
function distanceWithin(most: number, a: readonly string[], b: readonly string[]): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let rows: readonly (readonly number[])[] = [[], Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (const [row, letter] of a.entries()) {
    const [twoAbove, above] = [rows[0]!, rows[1]!]
    const next = [row + 1]
    for (const [column, other] of b.entries()) {
      const isSame = letter === other
      const isSwapped = row > 0 && column > 0 && letter === b[column - 1] && a[row - 1] === other
      next.push(
        Math.min(
          above[column + 1]! + 1,
          next[column]! + 1,
          above[column]! + (isSame ? 0 : 1),
          isSwapped ? twoAbove[column - 1]! + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    if (Math.min(...next) > most) return most + 1
    rows = [above, next]
  }
  return rows[1]!.at(-1)!
}

async function hasLabel(gallery: Pick<Gallery, 'list'>, label: string): Promise<boolean> {
  for await (const _entry of gallery.list({ labels: [label] })) return true
  return false
}

async function labelsOf(gallery: Pick<Gallery, 'list'>): Promise<ReadonlySet<string>> {
  const labels = new Set<string>()
  let entries = 0
  for await (const { label } of gallery.list({})) {
    labels.add(label)
    entries += 1
    if (entries === mostEntries) break
  }
  return labels
}
