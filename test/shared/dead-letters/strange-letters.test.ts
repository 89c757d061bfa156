/** Dead letters as anyone may write them: all are listed, none ends the reading. */

import type { Delivery } from '@sightline/shared/bus/bus.ts'
import { deadLetterOf } from '@sightline/shared/contracts/answer.ts'
import { topicNames } from '@sightline/shared/contracts/topology.ts'
import { type DeadLetterBus, readDeadLetters } from '@sightline/shared/dead-letters/read-dead-letters.ts'
import { deadLetterLine } from '@sightline/views/terminal/live-view.ts'
import { expect, test } from 'vitest'
import { noise } from '../../harness/noise.ts'

/** A bus that has nothing but these. */
const busOf = (deliveries: readonly Delivery[]): DeadLetterBus => ({
  async subscribe(_options, handler) {
    await handler(deliveries, new AbortController().signal)
    return {
      closed: new Promise(() => undefined),
      lag: async () => 0,
      oldest: () => null,
      [Symbol.asyncDispose]: async () => undefined,
    } as unknown as Awaited<ReturnType<DeadLetterBus['subscribe']>>
  },
  forgetGroup: async () => undefined,
})

const names = [
  'frame-id',
  'dlq-stage',
  'dlq-code',
  'dlq-reason',
  'dlq-position',
  'dlq-time',
  'dlq-left-out',
  'redrives',
  'dlq-redriven',
  '__proto__',
  '',
]
const texts = [
  '',
  'a',
  '-1',
  '1e999',
  '99999999999999999999',
  '2026-01-02T03:04:05Z',
  '\u001b[2J',
  '\n',
  '\ufffd',
  '\\xff',
  'x'.repeat(3_000),
]

test('100,000 random letters are all listed, with counts that are counts', { timeout: 60_000 }, async () => {
  const choices = noise(4_000_000, 13)
  let at = 0
  const pick = <T>(from: readonly T[]): T => from[choices[at++]! % from.length]!
  const deliveries = Array.from({ length: 100_000 }, (_, index): Delivery => {
    const headers: Record<string, string> = Object.create(null)
    for (let count = choices[at++]! % 8; count > 0; count -= 1) headers[pick(names)] = pick(texts)
    const timestamp = pick([0, -1, Number.NaN, 1e300, 1_700_000_000_000])
    const value = pick([null, new Uint8Array(), Uint8Array.of(1)])
    return { topic: 'frames.dlq', partition: 0, offset: BigInt(index), timestamp, key: pick(texts), value, headers }
  })
  const marks = deliveries.filter(({ value, headers }) => value === null && headers['dlq-redriven'] !== undefined)
  const letters = await readDeadLetters(busOf(deliveries), topicNames(), { topic: 'frames' })
  expect(letters.length).toBe(deliveries.length - marks.length)
  expect(
    letters.every(({ bytes, redrives }) => Number.isInteger(bytes) && bytes >= 0 && Number.isInteger(redrives)),
  ).toBe(true)
  const lines = deliveries.map((delivery) => deadLetterLine(deadLetterOf(delivery)))
  expect(lines.filter((text) => text.includes('\n') || text.includes('\u001b'))).toEqual([])
})
