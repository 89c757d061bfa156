import { toSends } from '@sightline/shared/bus/kafka/kafka-messages.ts'
import { messageBytes } from '@sightline/shared/bus/message-size.ts'
import { expect, it } from 'vitest'
import { message } from '../../../harness/bus/collector.ts'

const partitionOf = ({ key }: { readonly key: string }) => Number(key)
const summary = (
  limit: number,
  ...entries: readonly (readonly [topic: string, partition: number, value: string])[]
) => {
  const messages = entries.map(([topic, partition, value]) => message(topic, String(partition), value))
  return toSends(messages, partitionOf, () => limit).map(({ topic, messages }) => {
    return `${topic}-${messages[0]!.partition}: ${messages.map(({ value }) => value).join(' ')}`
  })
}

it('gives each partition a send of its own, in the order of the messages', () => {
  expect(summary(1e6, ['a', 0, 'one'], ['a', 1, 'two'], ['a', 0, 'three'], ['b', 0, 'four'])).toEqual([
    'a-0: one three',
    'a-1: two',
    'b-0: four',
  ])
})

it('begins another send where one would be larger than the largest message', () => {
  const two = 2 * messageBytes(message('a', '0', 'xx'))
  expect(summary(two, ['a', 0, 'm1'], ['a', 0, 'm2'], ['a', 1, 'm3'], ['a', 0, 'm4'])).toEqual([
    'a-0: m1 m2',
    'a-1: m3',
    'a-0: m4',
  ])
})

it('makes no key of an empty one, and keeps tombstones', () => {
  const [send] = toSends(
    [{ topic: 'a', key: '', value: null, headers: { h: '1' } }],
    () => 2,
    () => 1e6,
  )
  expect(send!.messages).toEqual([{ partition: 2, key: null, value: null, headers: { h: '1' } }])
})
