/** The log: one JSON line a message, in which an error tells what caused it once, and where only when it was not foreseen. */
import { describe, expect, test } from 'vitest'
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

describe('as text, for people', () => {
  const textOf = (fields: Readonly<Record<string, unknown>>): string => {
    const lines: string[] = []
    openLog('test', 'info', (line) => lines.push(line), 'text').warn(fields, 'waiting for Kafka')
    expect(lines).toHaveLength(1)
    return lines[0]!
  }

  test('a line says when, how bad, what, why, and on what', () => {
    expect(textOf({ err: foreseen, attempt: 3, place: 'frames 0', camera: 'cam-1' })).toMatch(
      /^\d{4}-\S+Z warn {2}waiting for Kafka: publishing to frames: Connection error: ECONNREFUSED \(BUS_UNAVAILABLE\) attempt=3 place="frames 0" camera=cam-1\n$/,
    )
  })

  test('where an unforeseen error was made follows on lines of its own', () => {
    expect(textOf({ err: new TypeError('x is not a function') })).toMatch(
      /: x is not a function\n\s+at .*log\.test\.ts/,
    )
  })
})
