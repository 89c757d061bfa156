/** How far the reading of each assigned partition has come, measured against where its log begins and really ends. */
import type { LogRange } from './kafka-inspector.ts'

interface Place {
  /** First offset that was not fetched. */
  next: bigint
  /** Of the open transaction that the reading stands behind; null where it does not. */
  hold: Hold | null
  /** When the message at `next` was published, where it waits there and was not fetched. */
  unread: { readonly offset: bigint; readonly timestamp: number } | null
  /** `next` at the look before, where something was left to read. */
  stoodAt: bigint | null
}

/** An open transaction that hides what lies behind its first message. */
export interface Hold {
  readonly partition: number
  /** Of its first message. */
  readonly offset: bigint
}

/** What a look at the logs found. */
export interface Findings {
  readonly lost: readonly { readonly partition: number; readonly messages: number }[]
  /** Held since the look before. */
  readonly held: readonly Hold[]
  readonly freed: readonly Hold[]
  /** Where reading does not get on although there is something: what waits there is dated by nobody else. */
  readonly unread: readonly { readonly partition: number; readonly offset: bigint }[]
}

export class KafkaPlaces {
  readonly #places = new Map<number, Place>()

  partitions(): readonly number[] {
    return [...this.#places.keys()]
  }

  has(partition: number): boolean {
    return this.#places.has(partition)
  }

  /** The reading starts at `next`. */
  open(partition: number, next: bigint): void {
    this.#places.set(partition, { next, hold: null, unread: null, stoodAt: null })
  }

  close(partition: number): void {
    this.#places.delete(partition)
  }

  reached(partition: number, next: bigint): void {
    const place = this.#places.get(partition)
    if (place !== undefined) place.next = next
  }

  /** Where the reading will go on; undefined where that is not known yet. */
  next(partition: number): bigint | undefined {
    return this.#places.get(partition)?.next
  }

  /** When the oldest message was published that is not fetched; null where none waits, or it is not known. */
  unreadSince(partition: number): number | null {
    const place = this.#places.get(partition)
    return place?.unread?.offset === place?.next ? (place?.unread?.timestamp ?? null) : null
  }

  date(partition: number, offset: bigint, timestamp: number): void {
    const place = this.#places.get(partition)
    if (place !== undefined) place.unread = { offset, timestamp }
  }

  holds(): readonly Hold[] {
    return [...this.#places.values()].flatMap(({ hold }) => hold ?? [])
  }

  /**
   * Compares with the logs. What stands still must do so at two looks: others' transactions are open for a moment all the
   * time.
   *
   * @param isBuffered where something fetched waits, which is older than what is not
   */
  compare(ranges: ReadonlyMap<number, LogRange>, isBuffered: (partition: number) => boolean): Findings {
    const findings = { lost: [], held: [], freed: [], unread: [] } as {
      -readonly [Kind in keyof Findings]: Findings[Kind][number][]
    }
    for (const [partition, place] of this.#places) {
      const range = ranges.get(partition)
      if (range === undefined) continue
      if (place.next < range.low) {
        findings.lost.push({ partition, messages: Number(range.low - place.next) })
        place.next = range.low
      }
      const isBehind = place.next < range.high
      const stands = isBehind && place.stoodAt === place.next
      place.stoodAt = isBehind ? place.next : null
      const isHeld = stands && place.next >= range.stable && range.stable < range.high
      if (place.hold !== null && (!isHeld || place.hold.offset !== range.stable)) {
        findings.freed.push(place.hold)
        place.hold = null
      }
      if (isHeld && place.hold === null) {
        place.hold = { partition, offset: range.stable }
        findings.held.push(place.hold)
      }
      if (stands && !isBuffered(partition) && place.unread?.offset !== place.next) {
        findings.unread.push({ partition, offset: place.next })
      }
    }
    return findings
  }
}
