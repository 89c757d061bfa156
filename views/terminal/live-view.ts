/** Events, dead letters and the books as lines that a person reads: one line each, in columns, safe to print. */

import type { Answer, Summary } from '@sightline/shared/contracts/answer.ts'
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import { plain, type Style } from './style.ts'

/** Columns of cameras and sources; a longer one pushes its own line only. */
const cameraWidth = 9
const sourceWidth = 15
const longestLabel = 40

/** `12:00:01  shelf      shelf-03.jpg       85 ms  Cola 330 ml 0.91 · unknown 0.34` */
export function eventLine(event: RecognitionEvent, style: Style = plain): string {
  const what =
    event.skipped === null
      ? objectsText(event.objects, style) + truncatedText(event, style)
      : `skipped: ${printable(event.skipped)}`
  return [
    style.soft(event.capturedAt.slice(11, 19)),
    printable(event.camera).padEnd(cameraWidth),
    style.soft(printable(event.source).padEnd(sourceWidth)),
    style.soft(duration(event.timings.totalMs).padStart(7)),
    event.skipped === null ? what : style.unknown(what),
  ].join('  ')
}

/** In the columns of an event; a dead letter has no time. */
export function deadLetterLine(
  { frameId, stage, code, reason }: Extract<Answer, { kind: 'deadLetter' }>,
  style: Style = plain,
): string {
  const colon = frameId.indexOf(':')
  const camera = printable(frameId.slice(0, Math.max(0, colon))).padEnd(cameraWidth)
  const frame = printable(frameId.slice(colon + 1)).padEnd(sourceWidth)
  const why = `${style.bad('dead letter')} at the ${printable(stage)}: ${printable(code)}: ${printable(reason)}`
  return [style.soft('--:--:--'), camera, style.soft(frame), style.soft('--'.padStart(7)), why].join('  ')
}

/** `72 frames = 71 events + 1 dead letter · 3 skipped`: the books close when nothing is unaccounted for. */
export function summaryLine({ frames, events, deadLettered, skipped }: Summary, style: Style = plain): string {
  const ended = events + deadLettered
  const books = `${plural(frames, 'frame')} = ${plural(events, 'event')} + ${plural(deadLettered, 'dead letter')}`
  const open = frames === ended ? '' : ` + ${frames - ended} UNACCOUNTED FOR`
  return `${open === '' ? style.good(books) : style.bad(books + open)} · ${skipped} skipped`
}

/** More are told by item: how many of each, with the best score. */
const mostSingly = 12

function objectsText(objects: readonly RecognizedObject[], style: Style): string {
  if (objects.length === 0) return style.soft('nothing in view')
  const groups =
    objects.length > mostSingly ? [...Map.groupBy(objects, ({ item }) => item).values()] : objects.map(only)
  return groups
    .map((alike) => {
      const [{ item, label, score }] = alike as [RecognizedObject]
      const name = item === null ? style.unknown('unknown') : style.known(shortened(printable(label ?? item)))
      return alike.length === 1 ? `${name} ${score.toFixed(2)}` : `${alike.length} × ${name} ${score.toFixed(2)}`
    })
    .join(style.soft(' · '))
}

const only = (object: RecognizedObject): readonly RecognizedObject[] => [object]

const truncatedText = ({ truncated }: RecognitionEvent, style: Style): string =>
  truncated === undefined ? '' : style.bad(` (only ${truncated.kept} of ${truncated.found} boxes fit a message)`)

/**
 * Labels, cameras and reasons are untrusted: control characters would move the cursor, recolour or retitle the terminal,
 * format characters would turn the line around. The joiner inside emoji (U+200D) stays.
 */
export const printable = (text: string): string =>
  text.replaceAll(/(?!\u200D)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '\uFFFD')

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

function shortened(text: string): string {
  if (text.length <= longestLabel) return text
  const signs: string[] = []
  for (const { segment } of graphemes.segment(text)) {
    signs.push(segment)
    if (signs.length > longestLabel) return `${signs.slice(0, longestLabel - 1).join('')}…`
  }
  return text
}

const duration = (ms: number): string => (ms < 9999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
