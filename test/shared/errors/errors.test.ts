/** An error's text names its own failure; `describeError` tells it with its causes, each once, on one line. */
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import { fromPortable, toPortable } from '@sightline/shared/errors/portable-error.ts'
import { expect, test } from 'vitest'
import { z } from 'zod'

const misfit = z
  .object({ a: z.object({ 'b c': z.array(z.int()), d: z.string() }), e: z.string() })
  .safeParse({ a: { 'b c': [1, 1.5] } }).error!
const caused = (message: string, cause: unknown): Error => new Error(message, { cause })

test.each([
  ['an error by its text', new Error('it broke'), 'it broke'],
  ['causes after what they caused', caused('reading a', caused('disk', new Error('EIO'))), 'reading a: disk: EIO'],
  ['a cause that was put into the text already, once', caused('reading a: EIO', new Error('EIO')), 'reading a: EIO'],
  ['a cause that says the same and more, once', caused('refused', new Error('refused by b')), 'refused by b'],
  ['a text that says nothing not at all', caused('reading a', caused('', new Error('EIO'))), 'reading a: EIO'],
  ['what is no error', caused('reading a', 'EIO'), 'reading a: EIO'],
  ['nothing', undefined, ''],
  ['null', caused('reading a', null), 'reading a'],
  ['lines as one', new Error('it broke\n  in two '), 'it broke in two'],
  [
    'one of several addresses',
    caused('fetch failed', new AggregateError([new Error('connect ::1'), new Error('connect 127.0.0.1')])),
    'fetch failed: connect ::1',
  ],
  [
    'what does not fit a schema in words',
    caused('a.json does not fit', z.object({ a: z.string() }).safeParse({}).error),
    'a.json does not fit: ✖ Invalid input: expected string, received undefined → at a',
  ],
  [
    'what does not fit at several places, as zod tells it',
    misfit,
    z.prettifyError(misfit).replaceAll(/\s*\n\s*/g, ' '),
  ],
])('describes %s', (_what, error, text) => {
  expect(describeError(error)).toBe(text)
})

test('an error that is its own cause ends', () => {
  const error = new Error('round')
  error.cause = error
  expect(describeError(error)).toBe('round')
})

test('what crosses a thread keeps what caused it', () => {
  const error = new SightlineError('MODEL_CORRUPT', 'a.onnx cannot be opened', { cause: new Error('no graph') })
  const arrived = fromPortable(structuredClone(toPortable(error, 'INTERNAL')))
  expect(arrived).toMatchObject({ code: 'MODEL_CORRUPT', retryable: false })
  expect(describeError(arrived)).toBe(describeError(error))
})
