/** A frame needs nothing but bytes; its id is derived, never random. */
import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../../shared/bus/bus.ts'
import { decodeFrame, encodeFrame, frameIdOf } from '../../../shared/contracts/frame.ts'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { noise } from '../../harness/noise.ts'

const published = Date.parse('2026-01-02T03:05:00Z')

const delivery = (fields: Partial<Delivery> = {}): Delivery => ({
  topic: 'frames',
  partition: 3,
  offset: 42n,
  timestamp: published,
  key: 'cam-1',
  value: Uint8Array.of(1),
  headers: {},
  ...fields,
})

describe('a plain message', () => {
  test('is named by its place in the log', () => {
    expect(decodeFrame(delivery())).toMatchObject({
      id: 'cam-1@frames-3-42',
      camera: 'cam-1',
      source: 'frames-3-42',
      capturedAt: published,
    })
  })

  test('without a key belongs to the unnamed camera', () => {
    expect(decodeFrame(delivery({ key: '' })).camera).toBe('unnamed')
  })
})

describe('CloudEvents attributes', () => {
  const headers = { ce_id: 'a1', ce_source: '/till', ce_time: '2026-01-02T03:04:05.678Z' }

  test('name, place and date the frame', () => {
    expect(decodeFrame(delivery({ headers }))).toMatchObject({
      id: 'cam-1:a1',
      source: '/till',
      capturedAt: Date.parse('2026-01-02T03:04:05.678Z'),
    })
  })

  test('a time that is none is passed over', () => {
    expect(decodeFrame(delivery({ headers: { ce_time: 'yesterday' } })).capturedAt).toBe(published)
  })

  test.each([
    ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T04:04:05+01:00', '2026-01-02T03:04:05Z'],
    ['2026-01-02 03:04:05.123456789z', '2026-01-02T03:04:05.123Z'],
    ['2026-01-02T03:04:05', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:09:59Z', '2026-01-02T03:09:59Z'],
    ['2001-01-01T00:00:00Z', '2001-01-01T00:00:00Z'],
  ])('the time %s is %s', (text, time) => {
    const { capturedAt, oddTime } = decodeFrame(delivery({ headers: { ce_time: text } }))
    expect({ capturedAt, oddTime }).toEqual({ capturedAt: Date.parse(time), oddTime: null })
  })

  test.each([
    'yesterday',
    '5',
    '1767323045',
    'frame 12',
    '0001-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:09Z',
    '2000-01-01T00:00:09Z',
    '2026-01-02T03:10:01Z',
    '2026-01-02T09:05:00Z',
    '9999-12-31T23:59:59Z',
    '2026-13-02T03:04:05Z',
  ])('the time %s can not be: the frame has that of its publishing, and says so', (text) => {
    const { capturedAt, oddTime } = decodeFrame(delivery({ headers: { ce_time: text } }))
    expect({ capturedAt, oddTime }).toEqual({ capturedAt: published, oddTime: `ce_time '${text}'` })
  })

  test('without a value they are not there', () => {
    const empty = { ce_id: '', ce_source: '', ce_time: '', 'redrive-of': '' }
    expect(decodeFrame(delivery({ headers: empty }))).toEqual(decodeFrame(delivery()))
  })

  test('a chosen id can not be taken for a position', () => {
    const chosen = decodeFrame(delivery({ headers: { ce_id: 'frames-3-42' } }))
    expect(chosen.id).not.toBe(decodeFrame(delivery()).id)
  })
})

test.each([-1, 0, 5, 1e15, Number.NaN])('a message of the time %d is taken for one of now', (timestamp) => {
  const now = published + 60_000
  const { capturedAt, oddTime } = decodeFrame(delivery({ timestamp }), now)
  expect({ capturedAt, oddTime }).toEqual({ capturedAt: now, oddTime: `message timestamp ${timestamp} ms` })
  // What the frame itself says is measured against now, too.
  const early = { ce_time: '2026-01-02T03:05:30Z' }
  expect(decodeFrame(delivery({ timestamp, headers: early }), now).capturedAt).toBe(Date.parse(early.ce_time))
})

test('only a position is taken for one', () => {
  const forged = delivery({ headers: { 'redrive-of': 'frames-3-42:a', ce_id: '' } })
  expect(decodeFrame(forged).id).toBe(decodeFrame(delivery()).id)
})

test('a redriven frame keeps the id it had', () => {
  const again = delivery({ partition: 0, offset: 99n, headers: { 'redrive-of': 'frames-3-42' } })
  expect(decodeFrame(again).id).toBe(decodeFrame(delivery()).id)
  expect(frameIdOf(again)).toBe(decodeFrame(delivery()).id)
})

test.each([
  ['a tombstone', delivery({ value: null }), /without a value/],
  ['an endless camera name', delivery({ key: 'x'.repeat(600) }), /key is 600 characters/],
  ['an endless id', delivery({ headers: { ce_id: 'x'.repeat(600) } }), /ce_id is 600 characters/],
  ['what is not all there', delivery({ unreadable: 'the message has 20000 headers' }), /20000 headers/],
])('%s is refused', (_name, bad, message) => {
  expect(() => decodeFrame(bad)).toThrow(message)
})

test('what encodeFrame writes, decodeFrame reads', () => {
  const sent = { camera: 'c', bytes: Uint8Array.of(9), id: 'i', source: 's', capturedAt: new Date(published - 5) }
  const frame = decodeFrame({ ...delivery(), ...encodeFrame('frames', sent) })
  expect(frame).toMatchObject({ camera: 'c', id: 'c:i', source: 's', capturedAt: published - 5 })
})

test('100,000 random messages: each is a frame of a sane time, or is refused', () => {
  const choices = noise(4_000_000, 9)
  const names = ['ce_id', 'ce_source', 'ce_time', 'redrive-of', '__proto__', 'constructor', '', 'traceparent']
  const texts = [
    '',
    'a',
    ':',
    '@',
    '2026-01-02T03:04:05Z',
    '-0001-01-01',
    '9e99',
    '\\xff',
    '\ufffd',
    '\0',
    'x'.repeat(600),
  ]
  let at = 0
  const pick = <T>(from: readonly T[]): T => from[choices[at++]! % from.length]!
  const word = (): string => Array.from({ length: choices[at++]! % 4 }, () => pick(texts)).join('')
  const ends = { frames: 0, refused: 0 }
  for (let number = 0; number < 100_000; number += 1) {
    const headers: Record<string, string> = Object.create(null)
    for (let count = choices[at++]! % 4; count > 0; count -= 1) headers[pick(names)] = word()
    const timestamp = pick([published, -1, 0, Number.MAX_SAFE_INTEGER])
    const value = pick([null, new Uint8Array(), Uint8Array.of(1)])
    const message = delivery({ key: word(), headers, timestamp, value })
    try {
      const frame = decodeFrame(message)
      ends.frames += 1
      if (frame.id !== frameIdOf(message)) expect(frame.id).toBe(frameIdOf(message))
      if (!(frame.capturedAt > Date.UTC(2001) && frame.capturedAt < Date.now() + 300_001))
        expect(frame).toBe('of our time')
    } catch (error) {
      if (!(error instanceof SightlineError)) throw error
      ends.refused += 1
    }
  }
  expect(ends.frames).toBeGreaterThan(10_000)
  expect(ends.refused).toBeGreaterThan(10_000)
})
