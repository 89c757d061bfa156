/** The bus port: a partitioned log with consumer groups, whose handler returns what to publish so that outputs and offsets can be committed as one. */

/** Header values are text; bytes that are none are in it as `byte-text.ts` writes them, as in keys. */
export type Headers = Readonly<Record<string, string>>

/** A message to publish. */
export interface Publication {
  readonly topic: string
  /** Messages with the same key keep their order (same partition). An empty key is none: such messages go to any partition. */
  readonly key: string
  /** Null is a tombstone: it removes the key from a compacted topic. Bytes given to a bus, or got from it, must not be changed or transferred. */
  readonly value: Uint8Array | null
  readonly headers: Headers
}

/** A message as read from one partition. */
export interface Delivery extends Publication {
  readonly partition: number
  /** Position in the partition, counted from 0 without gaps in the in-memory bus; Kafka leaves gaps at transaction markers. */
  readonly offset: bigint
  /** When the message was published, in ms since the epoch, as its publisher says; negative where it does not. */
  readonly timestamp: number
  /** Why this is not the whole message: another client wrote what can't be read, or too much of it. A bad item. */
  readonly unreadable?: string
}

export interface SubscribeOptions {
  readonly group: string
  readonly topic: string
  /** Most messages in one handler call. */
  readonly maxBatch: number
  /** Where a group starts that has committed nothing yet: at the oldest message kept, or at what comes from now on. @default 'oldest' */
  readonly from?: 'oldest' | 'newest'
}

/**
 * Processes messages of ONE partition, in order, and returns what to publish for them.
 *
 * - Resolves: the returned messages are published and the batch is committed, as one step where the driver can.
 * - Throws: nothing is published or committed; the same messages are delivered again after a backoff.
 *
 * Calls for different partitions run at the same time; calls for one partition never do.
 * `signal` aborts when the subscription is losing the partition or the batch's deadline has passed.
 */
export type Handler = (batch: readonly Delivery[], signal: AbortSignal) => Promise<readonly Publication[]>

/** Disposing stops fetching, waits for running handler calls, commits them and leaves the group. */
export interface Subscription extends AsyncDisposable {
  /** Resolves when disposed; rejects when the driver can't go on. A process must not outlive a rejected subscription. */
  readonly closed: Promise<void>
  /**
   * Messages published but not yet committed by this group, in the partitions this subscription owns: up to the end of the
   * log, also those that an open transaction still hides.
   */
  lag(): Promise<number>
  /** When the oldest message that waits here was published, in ms since the epoch; null where none waits. */
  oldest(): number | null
  /** Messages that the log let go of before they were read here, since the start of this subscription. */
  lost(): number
  /** What keeps messages from being processed, or kept some from it of late, in one sentence each; empty where all is well. */
  troubles(): readonly string[]
}

/**
 * The largest message of a topic, in bytes: what `max.message.bytes` says there. A driver may learn while it runs that a
 * topic takes less; whoever makes messages asks each time.
 */
export type MessageLimit = (topic: string) => number

export interface Bus extends AsyncDisposable {
  /** A larger message is refused with BUS_MESSAGE_TOO_LARGE, before anything is sent. */
  readonly maxMessageBytes: MessageLimit
  /** Resolves when the messages are durable. Waits (backpressure) where the log is bounded and full. */
  publish(messages: readonly Publication[]): Promise<void>
  subscribe(options: SubscribeOptions, handler: Handler): Promise<Subscription>
}
