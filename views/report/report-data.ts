/** What a report shows, and the numbers drawn from it: items seen, unknowns, time by stage. Pure. */

import type { Summary } from '@sightline/shared/contracts/answer.ts'
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'

/** A published frame and how it ended. */
export interface ReportFrame {
  readonly camera: string
  /** Names the frame for people: a file's name. */
  readonly name: string
  /** As published. */
  readonly bytes: Uint8Array
  readonly outcome:
    | { readonly kind: 'event'; readonly event: RecognitionEvent; readonly drawn: Uint8Array | null }
    | { readonly kind: 'deadLetter'; readonly stage: string; readonly code: string; readonly reason: string }
}

export interface ReportItem {
  readonly item: string
  readonly label: string
  /** Encoded pictures; the first few are shown. */
  readonly pictures: readonly Uint8Array[]
}

/** What was recognized of what was really there; only where the truth is known. */
export interface Score {
  /** Enrolled objects in view, found ones and those with the right name. */
  readonly enrolled: number
  readonly enrolledFound: number
  readonly enrolledNamed: number
  /** Objects of no item in view, found ones and those that came out as unknown. */
  readonly foreign: number
  readonly foreignFound: number
  readonly foreignUnknown: number
}

export interface ReportData {
  readonly title: string
  readonly createdAt: Date
  readonly durationMs: number
  /** `2 × Intel …, Node 24.1.0, linux x64` */
  readonly machine: string
  readonly books: Summary
  readonly frames: readonly ReportFrame[]
  readonly gallery: readonly ReportItem[]
  readonly score: Score | null
}

export interface ItemSeen {
  readonly item: string
  readonly label: string
  readonly count: number
  readonly cameras: readonly string[]
  readonly bestScore: number
}

/** Most often seen first. */
export function itemsSeen(frames: readonly ReportFrame[]): readonly ItemSeen[] {
  const seen = new Map<string, ItemSeen>()
  for (const { camera, object } of objectsOf(frames)) {
    if (object.item === null) continue
    const before = seen.get(object.item)
    seen.set(object.item, {
      item: object.item,
      label: object.label ?? object.item,
      count: (before?.count ?? 0) + 1,
      cameras: [...new Set([...(before?.cameras ?? []), camera])],
      bestScore: Math.max(before?.bestScore ?? Number.NEGATIVE_INFINITY, object.score),
    })
  }
  return [...seen.values()].sort((a, b) => b.count - a.count || a.label.localeCompare(b.label))
}

export interface UnknownSeen {
  readonly frame: ReportFrame
  readonly object: RecognizedObject
}

/** Surest detections first. */
export const unknownsSeen = (frames: readonly ReportFrame[]): readonly UnknownSeen[] =>
  [...objectsOf(frames)]
    .filter(({ object }) => object.item === null)
    .map(({ frame, object }) => ({ frame, object }))
    .sort((a, b) => b.object.detectionScore - a.object.detectionScore)

function* objectsOf(
  frames: readonly ReportFrame[],
): Generator<{ readonly frame: ReportFrame; readonly camera: string; readonly object: RecognizedObject }> {
  for (const frame of frames) {
    if (frame.outcome.kind !== 'event') continue
    for (const object of frame.outcome.event.objects) yield { frame, camera: frame.camera, object }
  }
}

export interface StageTimes {
  readonly stage: string
  /** ms, each the time that a share of the frames did not exceed. */
  readonly least: number
  readonly median: number
  readonly p95: number
  readonly most: number
}

const stages = [
  ['decode', 'decodeMs'],
  ['detect', 'detectMs'],
  ['embed', 'embedMs'],
  ['match', 'matchMs'],
  ['total', 'totalMs'],
] as const

/** Of the frames that were computed; empty where none was. */
export function stageTimes(frames: readonly ReportFrame[]): readonly StageTimes[] {
  const computed = frames.flatMap(({ outcome }) =>
    outcome.kind === 'event' && outcome.event.skipped === null ? [outcome.event.timings] : [],
  )
  if (computed.length === 0) return []
  return stages.map(([stage, key]) => {
    const sorted = computed.map((timings) => timings[key]).sort((a, b) => a - b)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
    return { stage, least: sorted[0]!, median: at(0.5), p95: at(0.95), most: sorted.at(-1)! }
  })
}

/** At most `most` of the list, spread evenly, the first and everything `wanted` among them. */
export function sample<T>(list: readonly T[], most: number, wanted: (one: T) => boolean): readonly T[] {
  if (list.length <= most) return list
  const step = list.length / most
  const chosen = new Set(Array.from({ length: most }, (_, index) => Math.floor(index * step)))
  return list.filter((one, index) => chosen.has(index) || wanted(one))
}
