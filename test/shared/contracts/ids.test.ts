/** Ids of frames: as they always were for ordinary names, and never one for two frames. */
import { frameId, unnamedCamera } from '@sightline/shared/contracts/ids.ts'
import { expect, test } from 'vitest'
import { noise } from '../../harness/noise.ts'

test.each([
  ['cam-1', 'abc', 'cam-1:abc'],
  ['cam-1', undefined, 'cam-1@frames-0-12'],
  ['cam-1', '', 'cam-1@frames-0-12'],
  ['', 'abc', 'unnamed:abc'],
  ['', undefined, 'unnamed@frames-0-12'],
  ['Kasse 3', '2026-01-02T03:04:05Z', 'Kasse 3:2026-01-02T03:04:05Z'],
  ['cam', 'urn:uuid:6e8bc430', 'cam:urn:uuid:6e8bc430'],
  ['50 % off', 'a%3Ab', '50 % off:a%3Ab'],
  ['site', 'gate:1', 'site:gate:1'],
  ['site:gate', '1', 'site%3Agate:1'],
  ['rtsp://host/1', undefined, 'rtsp%3A//host/1@frames-0-12'],
  ['a@frames-0-1', 'b', 'a%40frames-0-1:b'],
  ['site%3Agate', '1', 'site%253Agate:1'],
  [unnamedCamera, 'abc', '%75nnamed:abc'],
])('camera "%s", id "%s" is %s', (key, id, whole) => {
  expect(frameId(key, 'frames-0-12', id)).toBe(whole)
})

test('100,000 random frames have as many ids', () => {
  const letters = ['a', ':', '@', '%', '3', 'A', '4', '0', '2', '5', '7', 'unnamed', 'frames-0-1']
  const choices = noise(3_000_000, 5)
  let at = 0
  const word = (): string => {
    const length = choices[at++]! % 6
    return Array.from({ length }, () => letters[choices[at++]! % letters.length]!).join('')
  }
  const frames = new Map<string, string>()
  for (let number = 0; number < 100_000; number += 1) {
    const [key, id] = [word(), word()]
    // Without an id it is the position that names the frame.
    const position = `frames-0-${choices[at++]! % 3}`
    const frame = JSON.stringify(id === '' ? [key, null, position] : [key, id])
    const whole = frameId(key, position, id)
    if ((frames.get(whole) ?? frame) !== frame) expect(frame).toBe(frames.get(whole))
    frames.set(whole, frame)
  }
  expect(frames.size).toBeGreaterThan(50_000)
})
