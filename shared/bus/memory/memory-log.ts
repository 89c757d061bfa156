/** One partition in memory: offsets without gaps, and no message kept that nobody can still want. */
import type { Delivery, Publication } from '../bus.ts'
import { messageBytes } from '../message-size.ts'

/** A group's place in the log. Absent groups (no subscription left) keep their place but hold nobody back. */
export interface Reader {
  /** Offset of the next message to process; below it all is committed. */
  committed: number
  present: boolean
  /** Messages that the retention dropped while the group was away, when it last came back. */
  lost: number
}

/** What is kept, per partition, where no present group still wants it: for a group that comes back, or comes late. */
export interface Retention {
  readonly messages: number
  readonly bytes: number
}

export class MemoryLog {
  readonly topic: string
  readonly partition: number
  readonly #retention: Retention
  readonly #readers = new Map<string, Reader>()
  #messages: Delivery[] = []
  #bytes = 0
  #start = 0

  constructor(topic: string, partition: number, retention: Retention) {
    this.topic = topic
    this.partition = partition
    this.#retention = retention
  }

  /** Offset of the next message to be appended. */
  get end(): number {
    return this.#start + this.#messages.length
  }

  /** Messages that the slowest present group has not committed: what backpressure is about. */
  get depth(): number {
    return this.end - this.#wantedFrom()
  }

  append(message: Publication, timestamp: number): void {
    const { topic, partition } = this
    const { key, value, headers } = message
    this.#messages.push({ topic, partition, key, value, headers, offset: BigInt(this.end), timestamp })
    this.#bytes += messageBytes(message)
    this.#trim()
  }

  read(from: number, count: number): readonly Delivery[] {
    return this.#messages.slice(from - this.#start, from - this.#start + count)
  }

  /** The group's place, made on its first visit. A group that was away longer than the retention starts at what is left. */
  enter(group: string, from: 'oldest' | 'newest'): Reader {
    const known = this.#readers.get(group)
    const reader = known ?? { committed: from === 'oldest' ? this.#start : this.end, present: true, lost: 0 }
    reader.lost = Math.max(this.#start - reader.committed, 0)
    reader.committed += reader.lost
    reader.present = true
    this.#readers.set(group, reader)
    return reader
  }

  leave(group: string): void {
    this.#readers.get(group)!.present = false
    this.#trim()
  }

  commit(reader: Reader, next: number): void {
    reader.committed = next
    this.#trim()
  }

  #wantedFrom(): number {
    let low = this.end
    for (const reader of this.#readers.values()) if (reader.present) low = Math.min(low, reader.committed)
    return low
  }

  /** Drops what every group has committed, and of the rest what no present group wants and the retention does not cover. */
  #trim(): void {
    const wanted = this.#wantedFrom()
    let committed = this.#readers.size === 0 ? this.#start : this.end
    for (const reader of this.#readers.values()) committed = Math.min(committed, reader.committed)
    let drop = Math.max(0, committed - this.#start)
    let bytes = this.#bytes
    for (let at = 0; at < drop; at += 1) bytes -= messageBytes(this.#messages[at]!)
    while (this.#start + drop < wanted && this.#overRetention(this.#messages.length - drop, bytes)) {
      bytes -= messageBytes(this.#messages[drop]!)
      drop += 1
    }
    this.#messages.splice(0, drop)
    this.#bytes = bytes
    this.#start += drop
  }

  #overRetention(messages: number, bytes: number): boolean {
    return messages > this.#retention.messages || bytes > this.#retention.bytes
  }
}
