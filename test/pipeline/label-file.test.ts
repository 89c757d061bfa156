/** Label files as people write them. */
import { describe, expect, test } from 'vitest'
import { parseLabels, readLabels } from '../../pipeline/label-file.ts'

const paths = (text: string) => parseLabels(text, '/root').pictures.map(({ path, label, item }) => [path, label, item])

test('a label may hold spaces and is the item, unless a third column names one', () => {
  expect(paths('a b.jpg\tRed Cola 330 ml\nc.jpg\tCola\tcola-1\n')).toEqual([
    ['a b.jpg', 'Red Cola 330 ml', 'Red Cola 330 ml'],
    ['c.jpg', 'Cola', 'cola-1'],
  ])
})

test('without a tab the first space parts path and label', () => {
  expect(paths('a.jpg red cola\n')).toEqual([['a.jpg', 'red cola', 'red cola']])
})

test('a byte-order mark, CRLF and empty lines are fine', () => {
  expect(paths('\uFEFFa.jpg\tx\r\n\r\nb.jpg\ty\r\n   \r\n')).toEqual([
    ['a.jpg', 'x', 'x'],
    ['b.jpg', 'y', 'y'],
  ])
})

describe('a line that can not be used is told with its number, the others stand', () => {
  test.each([
    ['no label', 'a.jpg\n', 'not `path<TAB>label`'],
    ['an empty label', 'a.jpg\t  \n', 'not `path<TAB>label`'],
    ['no path', '\tx\n', 'not `path<TAB>label`'],
    ['doubled', 'b.jpg\ty\n', 'b.jpg stands there already, as y'],
  ])('%s', (_name, line, message) => {
    const { pictures, problems } = parseLabels(`b.jpg\ty\n${line}c.jpg\tz\n`, '/root')
    expect(pictures.map(({ path }) => path)).toEqual(['b.jpg', 'c.jpg'])
    expect(problems).toEqual([{ line: 2, message }])
  })
})

test('paths start at the root, absolute ones stand for themselves', () => {
  expect(parseLabels('a.jpg\tx\n/b.jpg\ty\n', '/root').pictures.map(({ file }) => file)).toEqual([
    '/root/a.jpg',
    '/b.jpg',
  ])
})

test('a missing label file is named', async () => {
  await expect(readLabels('/nowhere/labels.txt', '.')).rejects.toMatchObject({
    code: 'LABELS_UNREADABLE',
    message: expect.stringContaining('/nowhere/labels.txt'),
  })
})
