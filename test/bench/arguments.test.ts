/** What `npm run bench -- …` takes, and says of what it does not take. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { help, parseArguments } from '../../bench/arguments.ts'
import type { Part } from '../../bench/part.ts'
import { parts } from '../../bench/parts.ts'

const part = (name: string, isUsual: boolean): Part => ({
  name,
  about: `measures ${name}`,
  isUsual,
  measure: () => Promise.resolve([]),
})
const known = [part('pipeline', true), part('decode', true), part('bus', false)]

const parse = (argv: readonly string[], env = {}) => {
  const parsed = parseArguments(argv, known, env)
  if (parsed === 'help') throw new Error('help')
  return { ...parsed, parts: parsed.parts.map(({ name }) => name) }
}

describe("the bench's arguments", () => {
  test('without any the usual parts are measured, at full length, and nothing is held against anything', () => {
    expect(parse([])).toEqual({
      parts: ['pipeline', 'decode'],
      options: { quick: false, items: undefined, rounds: undefined, pictures: undefined, graphs: undefined },
      json: false,
      gate: undefined,
    })
  })

  test('named parts are measured alone, in the order of the report', () => {
    expect(parse(['bus', 'pipeline']).parts).toEqual(['pipeline', 'bus'])
  })

  test('numbers and folders reach the parts', () => {
    const { options, json, gate } = parse([
      '--rounds',
      '9',
      '--items=12',
      '--pictures',
      'a',
      '--graphs',
      'b',
      '--json',
      '--check',
    ])
    expect(options).toMatchObject({ rounds: 9, items: 12, pictures: 'a', graphs: 'b' })
    expect({ json, gate }).toEqual({ json: true, gate: 'check' })
    expect(parse(['--save', '--quick'])).toMatchObject({ gate: 'save', options: { quick: true } })
  })

  test('the folder of programs may be a variable; the flag wins, an empty variable is none', () => {
    expect(parse([], { SIGHTLINE_PADDLE_GRAPHS: 'there' }).options.graphs).toBe('there')
    expect(parse(['--graphs', 'here'], { SIGHTLINE_PADDLE_GRAPHS: 'there' }).options.graphs).toBe('here')
    expect(parse([], { SIGHTLINE_PADDLE_GRAPHS: '' }).options.graphs).toBeUndefined()
  })

  test.each([
    [['pipelin'], /no part 'pipelin': pipeline, decode, bus/],
    [['--rounds', '0'], /--rounds takes a whole number from 1 on, not '0'/],
    [['--items', '1.5'], /--items takes a whole number/],
    [['--check', '--save'], /--check or --save, not both/],
    [['--fast'], /--fast/],
  ])('%j is refused with a reason', (argv, reason) => {
    expect(() => parse(argv)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(reason) }),
    )
  })

  test('the help tells every part there is, and names are told apart', () => {
    const text = help(parts)
    for (const { name, about } of parts) {
      const line = text.split('\n').find((one) => one.startsWith(`  ${name} `))
      expect(line?.endsWith(` ${about}`), name).toBe(true)
    }
    expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length)
  })
})

const run = promisify(execFile)
const script = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))

describe('the command', () => {
  test('tells its parts, and what it does not know with exit code 2', async () => {
    const { stdout } = await run(process.execPath, [script, '--help'])
    expect(stdout).toMatch(/^Usage: npm run bench/)
    await expect(run(process.execPath, [script, 'nothing'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there is no part 'nothing'"),
    })
  })
})
