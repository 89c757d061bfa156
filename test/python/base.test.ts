/** The Python under training and conversion is held to the golden files that the TypeScript is held to: its own tests are run. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { requireService } from '../harness/services.ts'

const pytest = await requireService('pytest')

describe.skipIf(pytest === undefined)('python/base and python/convert', () => {
  test('pass their tests', { timeout: 120_000 }, async () => {
    const cwd = fileURLToPath(new URL('../../python/', import.meta.url))
    const args = ['-B', '-m', 'pytest', '-q', '-p', 'no:cacheprovider']
    const { stdout } = await promisify(execFile)(pytest!.python, args, { cwd }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout)
    })
    expect(stdout).toMatch(/\b\d{3} passed in /)
  })
})
