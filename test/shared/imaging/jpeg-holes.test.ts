import sharp, { type JpegOptions } from 'sharp'
import { expect, test } from 'vitest'
import { hasHole } from '../../../shared/imaging/jpeg-scan.ts'

const flat = (options: JpegOptions) =>
  sharp({ create: { width: 640, height: 480, channels: 3, background: '#808080' } })
    .jpeg(options)
    .toBuffer()

test('zeros of a whole flat picture are no hole, those of an unfinished file are', async () => {
  const whole = await flat({ optimizeCoding: true })
  expect(whole.includes(Buffer.alloc(512))).toBe(true)
  expect(hasHole(whole)).toBe(false)
  const unfinished = await flat({ optimizeCoding: false })
  unfinished.fill(0, unfinished.length - 700)
  expect(hasHole(unfinished)).toBe(true)
})
