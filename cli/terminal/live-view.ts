/** Events, dead letters and the books as lines that a person reads. */
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import type { Summary } from '../books.ts'
import type { Answer } from '../recognize-frames.ts'

/** `shelf-1 12:00:01  Cola 330 ml 0.91 · unknown 0.34  (85 ms)` */
export function eventLine(event: RecognitionEvent): string {
  const time = event.capturedAt.slice(11, 19)
  const what = event.skipped === null ? objectsText(event.objects) : `skipped: ${event.skipped}`
  return `${time}  ${printable(event.camera)}  ${printable(event.source)}  ${what}  (${Math.round(event.timings.totalMs)} ms)`
}

export const deadLetterLine = (answer: Extract<Answer, { kind: 'deadLetter' }>): string =>
  `dead letter  ${printable(answer.frameId)}  ${answer.stage}: ${answer.code}: ${printable(answer.reason)}`

/** The books of a run; they close when the frames are the events and the dead letters. */
export function summaryLine({ frames, events, deadLettered, skipped }: Summary): string {
  const ended = events + deadLettered
  const books = `${frames} frames = ${plural(events, 'event')} + ${plural(deadLettered, 'dead letter')}`
  const open = frames === ended ? '' : ` + ${frames - ended} UNACCOUNTED FOR`
  return `${books}${open} · ${skipped} skipped`
}

function objectsText(objects: readonly RecognizedObject[]): string {
  if (objects.length === 0) return 'nothing'
  return objects.map(({ label, score }) => `${printable(label ?? 'unknown')} ${score.toFixed(2)}`).join(' · ')
}

/** Labels are untrusted: control characters would move the cursor, recolour or retitle the terminal. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD')

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
