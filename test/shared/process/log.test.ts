/** The log: one JSON line a message, in which an error tells what caused it once, and where only when it was not foreseen. */
import { expect, test } from 'vitest'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { type LogLevel, openLog } from '../../../shared/process/log.ts'

function logged(level: LogLevel, err: unknown): { readonly line: string; readonly err: Record<string, unknown> } {
  const lines: string[] = []
  openLog('test', level, (line) => lines.push(line)).error({ err }, 'it failed')
  expect(lines).toHaveLength(1)
  return { line: lines[0]!, err: JSON.parse(lines[0]!).err }
}

const foreseen = new SightlineError('BUS_UNAVAILABLE', 'publishing to frames', {
  cause: new Error('Connection error: ECONNREFUSED', { cause: new Error('ECONNREFUSED') }),
})

test('an error is its code and its text with its causes, each once', () => {
  const { line, err } = logged('info', foreseen)
  expect(err).toEqual({
    code: 'BUS_UNAVAILABLE',
    message: 'publishing to frames: Connection error: ECONNREFUSED',
  })
  expect(line.match(/ECONNREFUSED/g)).toHaveLength(1)
})

test('where it was made is told at debug, without its text again', () => {
  const { line, err } = logged('debug', foreseen)
  expect(err['stack']).toMatch(/^\s+at .*log\.test\.ts/)
  expect(line.match(/ECONNREFUSED/g)).toHaveLength(1)
})

test('where nobody foresaw it, always', () => {
  const { line, err } = logged('info', new TypeError('x is not a function'))
  expect(err).toMatchObject({ message: 'x is not a function', stack: expect.stringMatching(/at .*log\.test\.ts/) })
  expect(line.match(/x is not/g)).toHaveLength(1)
})

test('what was thrown without being an error is told too', () => {
  expect(logged('info', 'just text').err).toEqual({ message: 'just text' })
})
