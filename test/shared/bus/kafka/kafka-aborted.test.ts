import { withoutAborted } from '@sightline/shared/bus/kafka/kafka-aborted.ts'
import { expect, it } from 'vitest'

/** A log in short: `x5` is a message of producer x at offset 5, `!x7` its abort marker, `+x7` its commit marker, `-5` a plain message. */
function log(text: string) {
  return text.split(' ').map((entry) => {
    const [, kind, producerId, offset] = /^([!+-]?)([a-z]?)(\d+)$/.exec(entry)!
    const isControlRecord = kind === '!' || kind === '+'
    return {
      entry,
      offset: offset!,
      key: isControlRecord ? Buffer.from([0, 0, 0, kind === '!' ? 0 : 1]) : null,
      isControlRecord,
      batchContext: { producerId: producerId!, inTransaction: kind !== '-' },
    }
  })
}

/** What a reader sees of the log; `aborted` as the broker answers it. */
function read(text: string, aborted: string): string {
  const transactions = log(aborted).map(({ offset, batchContext }) => ({
    producerId: batchContext.producerId,
    firstOffset: offset,
  }))
  const seen = withoutAborted(log(text), transactions)
  return seen.flatMap(({ entry, isControlRecord }) => (isControlRecord ? [] : [entry])).join(' ')
}

it('drops one aborted transaction and keeps what is around it', () => {
  expect(read('x1 x2 !x3 x4 +x5 -6', 'x1')).toBe('x4 -6')
})

it('drops a transaction although another one, aborted too, began before the fetch', () => {
  // The fetch starts at 101, in the middle of x; x is dropped as well as y.
  expect(read('y101 x102 !x103 !y104 x105 +x106', 'x100 y101')).toBe('x105')
})

it('drops transactions that the broker names in the order in which they ended', () => {
  expect(read('x1 y2 !y3 x4 !x5', 'y2 x1')).toBe('')
})

it('drops two aborted transactions of one producer and keeps the committed one between them', () => {
  expect(read('x1 !x2 x3 +x4 x5 !x6', 'x1 x5')).toBe('x3')
})

it('keeps messages outside of transactions, whatever their producer', () => {
  expect(read('-1 x2 -3 !x4', 'x2')).toBe('-1 -3')
})
