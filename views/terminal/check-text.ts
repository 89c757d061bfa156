/** What a check of a gallery found, as lines for a terminal; the JSON and the page have all of it, these the worst. */
import type { GalleryCheck, ItemCheck, Named, ThresholdPoint } from '../report/check-data.ts'

/** Lines a section. */
const most = 15
/** Letters of a label or id. */
const widest = 44

export function checkLines(check: GalleryCheck): readonly string[] {
  const { info, items, recall, duplicates, doubtful, close, thresholds, reliability } = check
  const poor = items.filter(({ isEnough }) => !isEnough)
  const single = items.filter(({ pictures }) => pictures === 1).length
  return [
    `${check.location}: ${info.entries} pictures of ${info.items} items, revision ${info.revision}, vectors of ${info.embedder.name}`,
    ...(recall === null
      ? ['no item has two pictures: nothing can be left out to see whether the others name it']
      : [`left out one by one, ${percent(recall)} of the pictures are named rightly first (recall@1)`]),
    ...(single === 0 ? [] : [`${single} items have a single picture`]),
    ...section('items that lack something', poor, (item) => [
      `${short(item.label)}  ${item.pictures} pictures, ${item.distinct} differ, recall@1 ${item.recall === null ? '–' : percent(item.recall)}`,
      ...item.advice.map((text) => `    ${text}`),
    ]),
    ...section('pictures that may have the wrong label', doubtful, ({ picture, own, other }) => [
      `${short(picture.id)}  is ${short(picture.label)} (${own.score.toFixed(2)}), looks like ${short(other.label)} (${other.score.toFixed(2)}, ${short(other.id)})`,
    ]),
    ...section('the same picture twice, or nearly', duplicates, ({ pictures: [a, b], score, isCopy }) => [
      `${isCopy ? 'same' : score.toFixed(3)}  ${short(a.id)} = ${short(b.id)}${a.item === b.item ? '' : `  of two items: ${short(a.label)}, ${short(b.label)}`}`,
    ]),
    ...section('items too close to tell apart', close, ({ items: [a, b], score, confused }) => [
      `${score.toFixed(2)}  ${short(a.label)} / ${short(b.label)}${confused > 0 ? `  ${confused} confused` : ''}`,
    ]),
    ...thresholdLines(check),
    ...section(
      'thresholds of their own would help',
      thresholds.items,
      ({ label, threshold, falseAccepts, falseRejects }) => [
        `${short(label)}  ${threshold}: wrongly taken for it ${falseAccepts.join(' → ')}, its own not named ${falseRejects.join(' → ')}`,
      ],
    ),
    ...(reliability === null
      ? ['', 'probability: too few right and wrong answers to learn it from']
      : [
          '',
          `probability: off by ${(100 * reliability.error).toFixed(1)} points on average, on items it was not learnt from`,
          ...reliability.bins.map(
            ({ said, right, answers }) =>
              `  said ${percent(said).padStart(6)}  was ${percent(right).padStart(6)}  of ${answers}`,
          ),
        ]),
  ]
}

/** Enough, or what is missing. */
export function itemLines(item: ItemCheck, check: GalleryCheck): readonly string[] {
  const figures = [
    `${item.pictures} pictures, ${item.distinct} differ`,
    item.recall === null ? 'recall@1 can’t be told of one' : `recall@1 ${percent(item.recall)}`,
    ...(item.likeness === null ? [] : [`alike to each other ${item.likeness.toFixed(2)}`]),
  ]
  const doubtful = check.doubtful.filter(({ picture }) => picture.item === item.item)
  return [
    `${short(item.label)} (${short(item.item)}): ${item.isEnough ? 'enough' : 'not enough yet'}`,
    `  ${figures.join(', ')}`,
    ...item.advice.map((text) => `  ${text}`),
    ...doubtful.map(
      ({ picture, other }) => `  ${short(picture.id)} looks like ${short(other.label)}: is its label right?`,
    ),
  ]
}

/** As many errors as if nothing, or everything, were recognized. */
export const isUseless = ({ falseAccept, falseReject }: ThresholdPoint): boolean => falseAccept + falseReject > 0.9

function thresholdLines({ asked, thresholds: { current, suggested, careful } }: GalleryCheck): readonly string[] {
  if (suggested === null)
    return ['', 'thresholds: nothing can be told of a gallery with one item, or one picture of each']
  const line = (what: string, point: ThresholdPoint | null): string[] =>
    point === null
      ? []
      : [
          `  ${what.padEnd(10)} ${point.threshold.toFixed(3)}  falsely accepted ${percent(point.falseAccept).padStart(6)}  falsely rejected ${percent(point.falseReject).padStart(6)}`,
        ]
  return [
    '',
    asked === null
      ? "thresholds, by the gallery's own pictures (what cameras see differs more: --queries):"
      : `thresholds, by ${asked} pictures of --queries:`,
    ...line('in force', current),
    ...line('suggested', suggested),
    ...line('careful', careful),
    ...(isUseless(suggested) ? ['  none tells what is enrolled from what is not: more pictures first'] : []),
  ]
}

function section<One>(title: string, all: readonly One[], lines: (one: One) => readonly string[]): readonly string[] {
  if (all.length === 0) return []
  const more = all.length > most ? [`  … and ${all.length - most} more; --json and --report tell them`] : []
  return [
    '',
    `${title}: ${all.length}`,
    ...all
      .slice(0, most)
      .flatMap(lines)
      .map((line) => `  ${line}`),
    ...more,
  ]
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** Labels are other people's text: no line breaks, nothing that moves the cursor, and not 10 kB. */
function short(text: string | Named['label']): string {
  const clean = [...text.replaceAll(/[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069]/gu, ' ')]
  return clean.length > widest ? `${clean.slice(0, widest - 1).join('')}…` : clean.join('')
}
