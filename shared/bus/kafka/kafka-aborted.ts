/** Keeps messages of aborted transactions from `read_committed` readers, whatever way transactions overlap. */

/** What a fetch answers about a transaction that was aborted. */
export interface AbortedTransaction {
  readonly producerId: string
  /** Offset of its first message. */
  readonly firstOffset: string
}

export interface TransactionRecord {
  readonly offset: string
  readonly key: Buffer | null
  readonly isControlRecord?: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
}

/** Key of the control record that ends an aborted transaction: version 0, type 0 (type 1 commits). */
const abortMarker = Buffer.from([0, 0, 0, 0])

/**
 * From its first offset on, a producer's messages are aborted until its abort marker.
 *
 * As the Java client does it: transactions by first offset (the broker answers in the order in which they ended), and all
 * that have begun by a message, however many, before it is judged. A fetch can start in the middle of several.
 *
 * @param messages of one partition, in order of their offsets
 */
export function withoutAborted<Message extends TransactionRecord>(
  messages: readonly Message[],
  abortedTransactions: readonly AbortedTransaction[] | null | undefined,
): readonly Message[] {
  if (!abortedTransactions || abortedTransactions.length === 0) return messages
  const waiting = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId: String(producerId), firstOffset: BigInt(firstOffset) }))
    .toSorted((a, b) => Number(a.firstOffset - b.firstOffset))
  const aborting = new Set<string>()
  let next = 0
  return messages.filter((message) => {
    const offset = BigInt(message.offset)
    for (; next < waiting.length && waiting[next]!.firstOffset <= offset; next += 1) {
      aborting.add(waiting[next]!.producerId)
    }
    const producerId = String(message.batchContext.producerId)
    if (message.isControlRecord) {
      if (message.key !== null && abortMarker.equals(message.key)) aborting.delete(producerId)
      return true
    }
    return !(message.batchContext.inTransaction && aborting.has(producerId))
  })
}
