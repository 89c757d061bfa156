/** The words after a command's name, as people write them: negative numbers as values, anything after `--` as it is. */
import { expect, test } from 'vitest'
import { type Command, number, parseCommandLine, texts } from '../../cli/command.ts'

const command: Command = {
  name: 'try',
  summary: '',
  help: '',
  options: {
    threshold: { type: 'string' },
    'label-threshold': { type: 'string', multiple: true },
    json: { type: 'boolean' },
  },
  run: () => Promise.resolve(0),
}

const parse = (...words: readonly string[]) => parseCommandLine(command, words)
const threshold = (...words: readonly string[]): number | undefined =>
  number(parse(...words).values, 'threshold', { min: -1, max: 1 })

test.each([
  [['--threshold', '-1'], -1],
  [['--threshold', '-0.25'], -0.25],
  [['--threshold', '-.5'], -0.5],
  [['--threshold', '-1e-3'], -0.001],
  [['--threshold=-1'], -1],
  [['--threshold', '1'], 1],
  [['--threshold', '0.5', '--threshold', '-0.5'], -0.5],
  [['a.jpg', '--json', '--threshold', '-1', 'b.jpg'], -1],
])('%j', (words, expected) => {
  expect(threshold(...words)).toBe(expected)
})

test('a negative number out of bounds is told by its option', () => {
  expect(() => threshold('--threshold', '-2')).toThrow("--threshold takes a number from -1 to 1, not '-2'")
})

test('every one of an option that may be repeated', () => {
  const { values } = parse('--label-threshold', 'X=-0.2', '--label-threshold', '-1=-0.3', '--label-threshold=-2=1')
  expect(texts(values, 'label-threshold')).toEqual(['X=-0.2', '-1=-0.3', '-2=1'])
})

test('what follows -- is no option and no value', () => {
  expect(parse('a.jpg', '--', '-1.jpg', '--threshold', '-1', '--').positionals).toEqual([
    'a.jpg',
    '-1.jpg',
    '--threshold',
    '-1',
    '--',
  ])
})

test.each([
  [['--json', '-1'], /Unknown option '-1'/],
  [['-1'], /Unknown option '-1'/],
  [['--threshold', '--json'], /argument is ambiguous.*See sightline try --help/],
  [['--threshold'], /argument missing/],
])('%j is wrong usage', (words, message) => {
  expect(() => parse(...words)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
  )
})
