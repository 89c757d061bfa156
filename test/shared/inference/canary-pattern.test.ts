/** The canary pattern is the one that test/golden/canary.json tells both languages. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { canaryPattern } from '../../../shared/inference/canary-pattern.ts'

const golden = JSON.parse(readFileSync(new URL('../../golden/canary.json', import.meta.url), 'utf8')) as {
  readonly hex: Readonly<Record<string, string>>
  readonly sha256: Readonly<Record<string, string>>
}
const pattern = (size: string): Uint8Array => {
  const [width = 0, height = 0] = size.split('x').map(Number)
  return canaryPattern({ width, height }).data
}

test.each(Object.entries(golden.hex))('%s: byte by byte', (size, hex) => {
  expect(Buffer.from(pattern(size)).toString('hex')).toBe(hex)
})

test.each(Object.entries(golden.sha256))('%s: by its sha256', (size, sha256) => {
  expect(createHash('sha256').update(pattern(size)).digest('hex')).toBe(sha256)
})
