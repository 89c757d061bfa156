/** Keys and header values of other clients as text: nothing is lost, nothing meets. */
import { bytesToText, textBytes, textToBytes } from '@sightline/shared/bus/byte-text.ts'
import { murmur2, partitioner } from '@sightline/shared/bus/partitioner.ts'
import { expect, it, test } from 'vitest'
import { noise } from '../../harness/noise.ts'

it.each(['', 'cam-1', 'Kasse 3 – links', '棚①', '🎥', 'C:\\exports', '\\x', '\\xzz', '\\xFF', '\ufffd'])(
  'leaves %j as it is',
  (text) => {
    expect(bytesToText(Buffer.from(text))).toBe(text)
    expect(textToBytes(text)).toEqual(Buffer.from(text))
  },
)

it.each([
  [[0xff], '\\xff'],
  [[0x63, 0x80, 0x63], 'c\\x80c'],
  [[0xc3], '\\xc3'],
  [[0xe2, 0x82], '\\xe2\\x82'],
  [[0xed, 0xa0, 0x80], '\\xed\\xa0\\x80'],
  [[...Buffer.from('\\xff')], '\\x5cxff'],
  [[...Buffer.from('\\x'), 0xff], '\\x\\xff'],
  [[...Buffer.from('\\x4'), 0xff, ...Buffer.from('é')], '\\x4\\xffé'],
])('writes %j as %s, and back', (bytes, text) => {
  expect(bytesToText(Buffer.from(bytes))).toBe(text)
  expect(textToBytes(text)).toEqual(Buffer.from(bytes))
  expect(textBytes(text)).toBe(bytes.length)
})

it('takes a text that no bytes read as for itself', () => {
  expect(textToBytes('a\\x41')).toEqual(Buffer.from('a\\x41'))
})

test('100,000 random keys come back as they were, and no two read alike', () => {
  // Few letters, so that what looks like an escape comes up all the time.
  const letters = [...Buffer.from('\\x5cf'), 0xff, 0x5c, 0xc3, 0xa9]
  const choices = noise(1_000_000, 3)
  const seen = new Map<string, string>()
  for (let number = 0, at = 0; number < 100_000; number += 1) {
    const length = choices[at++]! % 9
    const bytes = Buffer.from(Array.from({ length }, () => letters[choices[at++ % choices.length]! % letters.length]!))
    at %= choices.length - 16
    const text = bytesToText(bytes)
    const hex = bytes.toString('hex')
    if (!textToBytes(text).equals(bytes)) expect(text).toBe(`the text of ${hex}`)
    if ((seen.get(text) ?? hex) !== hex) expect(hex).toBe(seen.get(text))
    seen.set(text, hex)
  }
  expect(seen.size).toBeGreaterThan(10_000)
})

test('a camera keeps its partition: the bytes count, not the text', () => {
  const partitionOf = partitioner()
  const [text, bytes] = ['cam-\\xff', Buffer.from([...Buffer.from('cam-'), 0xff])]
  expect(textToBytes(text)).toEqual(bytes)
  expect(partitionOf('t', text, 1000)).toBe((murmur2(bytes) & 0x7fffffff) % 1000)
})
