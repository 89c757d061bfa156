import { defaultRedelivery, isFatal } from '@sightline/shared/bus/redelivery.ts'
import { backoffMs } from '@sightline/shared/errors/backoff.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { expect, it } from 'vitest'

const options = { ...defaultRedelivery, initialBackoffMs: 100, maxBackoffMs: 1_000, maxAttempts: 3 }

it('doubles the wait up to a limit', () => {
  expect([1, 2, 3, 4, 5, 50].map((attempt) => backoffMs(attempt, options))).toEqual([100, 200, 400, 800, 1000, 1000])
})

it('gives up on a bug after some tries, on a stuck handler at once, and never on what can heal', () => {
  const bug = new TypeError('a bug')
  expect([1, 2, 3].map((attempt) => isFatal(bug, attempt, options))).toEqual([false, false, true])
  expect(isFatal(new SightlineError('BUS_NO_PROGRESS', 'stuck'), 1, options)).toBe(true)
  expect(isFatal(new SightlineError('GALLERY_UNAVAILABLE', 'away', { retryable: true }), 1_000, options)).toBe(false)
})
