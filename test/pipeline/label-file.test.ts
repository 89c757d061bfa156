/** Label files as people write them. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseLabels, readLabels } from '../../pipeline/label-file.ts'
import { decodeLabelText } from '../../pipeline/label-text.ts'

const paths = (text: string, name = '') =>
  parseLabels(text, '/root', name).pictures.map(({ path, label, item }) => [path, label, item])

async function read(bytes: Uint8Array | string, name = 'labels.txt') {
  const file = join(await mkdtemp(join(tmpdir(), 'sightline-')), name)
  await writeFile(file, bytes)
  return readLabels(file, '/root')
}

test('a label may hold spaces and is the item, unless a third column names one', () => {
  expect(paths('a b.jpg\tRed Cola 330 ml\nc.jpg\tCola\tcola-1\n')).toEqual([
    ['a b.jpg', 'Red Cola 330 ml', 'Red Cola 330 ml'],
    ['c.jpg', 'Cola', 'cola-1'],
  ])
})

test('without a tab the first space parts path and label', () => {
  expect(paths('a.jpg red cola\nsub/b,c.jpg tea, green\n')).toEqual([
    ['a.jpg', 'red cola', 'red cola'],
    ['sub/b,c.jpg', 'tea, green', 'tea, green'],
  ])
})

test('a byte-order mark, CRLF and empty lines are fine', () => {
  expect(paths('\uFEFFa.jpg\tx\r\n\r\nb.jpg\ty\r\n   \r\n')).toEqual([
    ['a.jpg', 'x', 'x'],
    ['b.jpg', 'y', 'y'],
  ])
})

describe('CSV', () => {
  const oatAndTea = [
    ['a.jpg', 'Oat, rolled', 'oat-1'],
    ['b.jpg', 'Tea "Green"', 'Tea "Green"'],
  ]

  test.each([
    ['with a header', 'path,label,item\r\na.jpg,"Oat, rolled",oat-1\r\nb.jpg,"Tea ""Green""",\r\n', ''],
    ['without one', 'a.jpg,"Oat, rolled",oat-1\nb.jpg,"Tea ""Green"""\n', ''],
    ['with all in quotes', '"a.jpg","Oat, rolled","oat-1"\n"b.jpg","Tea ""Green""",""', ''],
    ['parted by semicolons', 'Image;Name;SKU\na.jpg;Oat, rolled;oat-1\nb.jpg;"Tea ""Green""";\n', ''],
    ['parted by tabs', 'a.jpg\t"Oat, rolled"\toat-1\nb.jpg\t"Tea ""Green"""\n', 'labels.csv'],
    [
      'with its columns in another order',
      'sku,label,price,path\noat-1,"Oat, rolled",3,a.jpg\n,"Tea ""Green""",4,b.jpg\n',
      'x.CSV',
    ],
    [
      'with blanks around the cells',
      ' path , label , item \n a.jpg , "Oat, rolled" , oat-1 \n b.jpg , "Tea ""Green""" ,\n',
      '',
    ],
  ])('%s', (_name, text, name) => {
    expect(paths(text, name)).toEqual(oatAndTea)
  })

  test('takes a tab in a quoted cell as a space', () => {
    expect(paths('a.jpg,"Red\tCola"\n', 'labels.csv')).toEqual([['a.jpg', 'Red Cola', 'Red Cola']])
  })

  test('tells a quote that is not closed, and goes on with the next line', () => {
    const { pictures, problems } = parseLabels('a.jpg,Oat\nb.jpg,"Tea\nc.jpg,Cola\n', '/root')
    expect(pictures.map(({ path }) => path)).toEqual(['a.jpg', 'c.jpg'])
    expect(problems).toEqual([{ line: 2, message: expect.stringContaining('quote') }])
  })

  test('does not make a list with tabs of one that has commas', () => {
    expect(paths('a.jpg\tOat, "rolled"\tx,y\n')).toEqual([['a.jpg', 'Oat, "rolled"', 'x,y']])
  })
})

describe('a line that can not be used is told with its number, the others stand', () => {
  test.each([
    ['no label', 'a.jpg\n', 'not `path<TAB>label`'],
    ['an empty label', 'a.jpg\t  \n', 'not `path<TAB>label`'],
    ['no path', '\tx\n', 'not `path<TAB>label`'],
    ['doubled', 'b.jpg\ty\n', 'b.jpg stands there already, as y'],
    ['doubled in another spelling', './sub/../b.jpg\ty\n', './sub/../b.jpg stands there already, as y'],
    [
      'a label of 10 kB',
      `a.jpg\t${'x'.repeat(10_240)}\n`,
      'the label is 10240 characters long, at most 1000 are taken',
    ],
    [
      'an item of 10 kB',
      `a.jpg\tx\t${'x'.repeat(10_240)}\n`,
      'the item is 10240 characters long, at most 1000 are taken',
    ],
    ['a path of 10 kB', `${'x'.repeat(10_240)}\ty\n`, 'the path is 10240 characters long, at most 4096 are taken'],
    ['a bell', 'a.jpg\tx\u0007y\n', 'the label holds the control character U+0007'],
    ['an escape sequence', 'a.jpg\t\u001b[31mred\n', 'the label holds the control character U+001B'],
    ['half an emoji', 'a.jpg\tx\ud83d\n', 'the label holds the control character U+D83D'],
    ['letters lost before', 'a.jpg\tCaf\ufffd\n', 'the label was damaged before: it holds U+FFFD'],
  ])('%s', (_name, line, message) => {
    const { pictures, problems } = parseLabels(`b.jpg\ty\n${line}c.jpg\tz\n`, '/root')
    expect(pictures.map(({ path }) => path)).toEqual(['b.jpg', 'c.jpg'])
    expect(problems).toEqual([{ line: 2, message }])
  })
})

test('emoji, Chinese and right-to-left labels stay as they are', () => {
  const labels = ['🥫🇨🇭👩‍👩‍👧', '农夫山泉 550ml', 'حليب', 'e\u0301té']
  expect(paths(labels.map((label, index) => `${index}.jpg\t${label}\n`).join('')).map(([, label]) => label)).toEqual(
    labels,
  )
})

test('paths start at the root, absolute ones stand for themselves', () => {
  expect(parseLabels('a.jpg\tx\n/b.jpg\ty\n', '/root').pictures.map(({ file }) => file)).toEqual([
    '/root/a.jpg',
    '/b.jpg',
  ])
})

describe('one picture is one id', () => {
  test.each([
    './sub/a.jpg',
    'sub//a.jpg',
    'sub/../sub/a.jpg',
    '/root/sub/a.jpg',
    '../root/sub/a.jpg',
    'sub\\a.jpg',
    '.\\sub\\a.jpg',
  ])('however it is spelled: %s', (path) => {
    expect(paths(`${path}\tx\n`)).toEqual([['sub/a.jpg', 'x', 'x']])
  })

  test('with its accents as one letter or as two', () => {
    expect(paths('e\u0301te.jpg\tx\n')).toEqual(paths('\u00e9te.jpg\tx\n'))
  })

  test.each([
    ['../a.jpg', '../a.jpg'],
    ['x/../../a.jpg', '../a.jpg'],
    ['/rooted/./a.jpg', '/rooted/a.jpg'],
    ['..a.jpg', '..a.jpg'],
  ])('outside of the root too: %s', (path, id) => {
    expect(paths(`${path}\tx\n`)[0]![0]).toBe(id)
  })
})

describe('the bytes of a list', () => {
  const text = 'a.jpg\tCafé crème\nb.jpg\t농심\n'
  const big = () => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16()

  test.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 that says so', Buffer.from(`\uFEFF${text}`)],
    ['UTF-16LE that says so', Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['UTF-16BE that says so', big()],
  ])('%s is read', async (_name, bytes) => {
    expect((await read(bytes)).pictures.map(({ label }) => label)).toEqual(['Café crème', '농심'])
  })

  test.each([
    [
      'Latin-1',
      Buffer.from('a.jpg\tOat\nb.jpg\tCaf\u00e9 cr\u00e8me\n', 'latin1'),
      /is not UTF-8: line 2 is "b\.jpg<TAB>Caf.*save it as UTF-8/,
    ],
    [
      'GBK',
      Buffer.from([...Buffer.from('a.jpg\t'), 0xc5, 0xa9, 0xb7, 0xf2, 0x0a]),
      /is not UTF-8: line 1 .*save it as UTF-8/,
    ],
    ['UTF-8 cut in a letter', Buffer.from(text).subarray(0, -2), /is not UTF-8: line 2/],
    [
      'UTF-16 that does not say so',
      Buffer.from(text.replace('농심', 'x'), 'utf16le'),
      /(not UTF-8|UTF-16 that does not say so).*UTF-8/,
    ],
    ['UTF-16 with half a letter', Buffer.from([0xff, 0xfe, 0x41]), /is not the UTF-16 that it begins as/],
    ['a picture', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), /is not UTF-8: line 1/],
    ['nothing', Buffer.alloc(0), /lists no pictures: write a line 'path<TAB>label'/],
    ['blank lines', Buffer.from('\n \r\n\t\n'), /lists no pictures/],
    ['a header alone', Buffer.from('path,label\n'), /lists no pictures/],
    [
      'lines parted by something else',
      Buffer.from('a.jpg|Oat\nb.jpg|Tea\n'),
      /no line that can be used; line 1 is "a\.jpg\|Oat": not `path<TAB>label`/,
    ],
    ['one endless line', Buffer.alloc(3_000_000, 'x'), /no line that can be used; line 1 is "x{60}…"/],
  ])('%s is refused', async (_name, bytes, message) => {
    const error = (await read(bytes).catch((one: unknown) => one)) as Error
    expect(error).toMatchObject({ code: 'LABELS_UNREADABLE', message: expect.stringMatching(message) })
    expect(error.message.length).toBeLessThan(400)
  })

  test('a missing label file is named, and so is a folder', async () => {
    for (const file of ['/nowhere/labels.txt', tmpdir()]) {
      await expect(readLabels(file, '.')).rejects.toMatchObject({
        code: 'LABELS_UNREADABLE',
        message: expect.stringContaining(file),
      })
    }
  })
})

test('of 100,000 random lists each line with something in it is a picture, a problem or the header', {
  timeout: 120_000,
}, () => {
  const parts = [
    'a.jpg',
    'b/c.png',
    './',
    '\\',
    '/',
    'path',
    'label',
    'item',
    '\t',
    '\t',
    ',',
    ';',
    '"',
    '""',
    ' ',
    '\n',
    '\n',
    '\r\n',
    '\r',
  ]
  const odd = [
    '\u0000',
    '\u0007',
    '\uFEFF',
    '\u2028',
    '\ud83d',
    '🥫',
    '\ufffd',
    '농',
    'x'.repeat(1500),
    '..',
    '|',
    '\v',
    '\u0085',
  ]
  let state = 7
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const names = ['', 'labels.csv', 'labels.txt']
  for (let round = 0; round < 100_000; round += 1) {
    const text = Array.from({ length: 1 + random(24) }, () =>
      random(6) === 0 ? odd[random(odd.length)]! : parts[random(parts.length)]!,
    ).join('')
    const { pictures, problems } = parseLabels(text, '/root', names[random(3)])
    const filled = text.split(/\r\n|\n|\r/).filter((line) => line.replace(/^\uFEFF/, '').trim() !== '').length
    const told = pictures.length + problems.length
    if (told !== filled && told !== filled - 1) expect.fail(`${told} of ${filled} lines: ${JSON.stringify(text)}`)
    if (told === filled - 1 && !/path/i.test(text)) expect.fail(`a line is lost: ${JSON.stringify(text)}`)
    if (new Set(pictures.map(({ path }) => path)).size !== pictures.length)
      expect.fail(`doubled: ${JSON.stringify(text)}`)
    const bytes = Buffer.from(text, random(2) === 0 ? 'utf8' : 'utf16le')
    for (let flip = random(3); flip > 0 && bytes.length > 0; flip -= 1) bytes[random(bytes.length)] = random(256)
    try {
      decodeLabelText(bytes, 'list')
    } catch (error) {
      expect(error).toMatchObject({ code: 'LABELS_UNREADABLE' })
    }
  }
})
