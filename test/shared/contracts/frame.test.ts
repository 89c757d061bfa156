/** A frame needs nothing but bytes; its id is derived, never random. */
import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../../shared/bus/bus.ts'
import { decodeFrame, encodeFrame, frameIdOf } from '../../../shared/contracts/frame.ts'

const delivery = (fields: Partial<Delivery> = {}): Delivery => ({
  topic: 'frames',
  partition: 3,
  offset: 42n,
  timestamp: 1_700_000_000_000,
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
      capturedAt: 1_700_000_000_000,
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
    expect(decodeFrame(delivery({ headers: { ce_time: 'yesterday' } })).capturedAt).toBe(1_700_000_000_000)
  })

  test('a chosen id can not be taken for a position', () => {
    const chosen = decodeFrame(delivery({ headers: { ce_id: 'frames-3-42' } }))
    expect(chosen.id).not.toBe(decodeFrame(delivery()).id)
  })
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
])('%s is refused', (_name, bad, message) => {
  expect(() => decodeFrame(bad)).toThrow(message)
})

test('what encodeFrame writes, decodeFrame reads', () => {
  const sent = { camera: 'c', bytes: Uint8Array.of(9), id: 'i', source: 's', capturedAt: new Date(5) }
  const frame = decodeFrame({ ...delivery(), ...encodeFrame('frames', sent) })
  expect(frame).toMatchObject({ camera: 'c', id: 'c:i', source: 's', capturedAt: 5 })
})
