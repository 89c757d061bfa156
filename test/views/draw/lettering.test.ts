/** Letters as outlines: path data that every renderer can read, in the scripts of the world, whatever the text and size. */
import { beforeAll, describe, expect, test } from 'vitest'
import { isReadable, letter, letterFitting, prepareLetters } from '../../../views/draw/lettering.ts'

/** Numbers of each command; a path with any other count ends where it is wrong. */
const numbers: Readonly<Record<string, number>> = { M: 2, L: 2, Q: 4, C: 6, Z: 0 }

function isWellFormed(path: string): boolean {
  const commands = path.match(/[A-Z][^A-Z]*/g) ?? []
  return commands.every((command) => {
    const values = command.slice(1).trim().split(/\s+/).filter(Boolean)
    return values.length === numbers[command[0]!] && values.every((value) => /^-?\d+(\.\d+)?$/.test(value))
  })
}

const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')

/** Each with a word of several letters. */
const scripts = {
  Latin: 'Čokoláda',
  Vietnamese: 'Bánh mì nướng',
  Greek: 'Ελαιόλαδο',
  Cyrillic: 'Молоко',
  'Simplified Chinese': '可口可乐零度',
  'Traditional Chinese': '可口可樂無糖',
  Japanese: 'コカ・コーラ直火焙煎ひらがな',
  Korean: '코카콜라신라면',
  Thai: 'น้ำตาลกรวด',
  Arabic: 'حليب كامل الدسم',
  Persian: 'شیر کم‌چرب',
  Urdu: 'دودھ ڈبہ ٹماٹر',
  Hebrew: 'קולה זירו',
  Hindi: 'क्षेत्रीय चॉकलेट',
  Bengali: 'কোকা-কোলা',
  Tamil: 'பழச்சாறு',
  Telugu: 'ద్రాక్ష',
  emoji: '🍎❤️🇩🇪👩‍👩‍👧',
  symbols: '①→½℃™★×',
}

beforeAll(() =>
  prepareLetters([ascii, ...Object.values(scripts), 'ﬁｎｅ', 'd\u0301\u0302', '\u0a95 \u{10ffff}'], [600]),
)

describe('lettering', () => {
  test('all printable ASCII is well-formed path data at any size', () => {
    for (let size = 5; size < 60; size += 0.731) expect(isWellFormed(letter(ascii, size, 600).path)).toBe(true)
  })

  test('each printable sign has an outline of its own', () => {
    const outlines = [...ascii.slice(1)].map((sign) => letter(sign, 100, 600).path)
    expect(new Set(outlines).size).toBe(94)
  })

  test.each([
    ['Cola Zero 0.5 l', 140.791015625],
    ['AVATAR To. fi ffi -> 1x2', 230.25390625],
    ['Größe 10×20 “quoted” – dash… €5', 336.328125],
    ['Čokoláda mléčná', 166.640625],
    ['Ωμέγα λάδι', 114.296875],
    ['Молоко 3,2 %', 139.98046875],
  ])('%s is set letter by letter in Inter', async (text, width) => {
    await prepareLetters([text], [600])
    expect(letter(text, 20, 600).width).toBeCloseTo(width, 6)
    expect([...text].reduce((sum, one) => sum + letter(one, 20, 600).width, 0)).toBeCloseTo(width, 6)
  })

  test.each(Object.entries(scripts))('%s is drawn in letters', (_script, text) => {
    const { path, width } = letter(text, 20, 600)
    expect(isWellFormed(path)).toBe(true)
    expect(width).toBeGreaterThan(20)
    expect(isReadable(text, 600)).toBe(true)
    // Code points that stand in for a letter are ten times as wide.
    expect(width).toBeLessThan(24 * [...text].length)
  })

  test('a letter that no typeface has is told by its code point', () => {
    expect(letter('a\u0a95', 20, 600)).toEqual(letter('a[U+0A95]', 20, 600))
    expect(letter('\u{10ffff}', 20, 600)).toEqual(letter('[U+10FFFF]', 20, 600))
    expect(isReadable('\u0a95 \u{10ffff}', 600)).toBe(false)
  })

  test('compatibility forms are written in plain letters, and marks that stand on no letter of the font left out', () => {
    expect(letter('ﬁ', 20, 600)).toEqual(letter('fi', 20, 600))
    expect(letter('q\u0307\u0354', 20, 600).width).toBeCloseTo(letter('q', 20, 600).width)
  })

  test('control and direction characters leave no trace', () => {
    expect(letter('a\u001b\u0000\u202eb\ufeff', 20, 600)).toEqual(letter('ab', 20, 600))
  })

  test('a text that is too wide is shortened with an ellipsis and fits', () => {
    const whole = letterFitting('Short', 20, 600, 200)
    expect(whole).toEqual(letter('Short', 20, 600))
    const cut = letterFitting('x'.repeat(100_000), 20, 600, 200)
    expect(cut.width).toBeLessThanOrEqual(200)
    expect(cut.width).toBeGreaterThan(180)
    expect(cut.path.endsWith(letter('…', 20, 600).path.slice(-3))).toBe(true)
  })
})

/** Outlines of what is drawn, from left to right, whatever their place and size. */
function shapes(text: string): readonly string[] {
  const subpaths = letter(text, 1000, 600).path.match(/M[^Z]*Z/g) ?? []
  return subpaths.map((path) => path.replaceAll(/[-\d.]+ ([-\d.]+)/g, '$1'))
}

describe('shaping', () => {
  test('Arabic runs from right to left, and its letters join', () => {
    // Joined, neither of them looks as it does alone, and the first stands at the right.
    const [lam, meem, both] = ['ل', 'م', 'لم'].map((text) => letter(text, 1000, 600))
    expect(both!.path).not.toContain(lam!.path)
    expect(both!.width).toBeLessThan(lam!.width + meem!.width)
    expect(letter('لا', 1000, 600).width).toBeLessThan(letter('ل', 1000, 600).width + letter('ا', 1000, 600).width)
  })

  test('Hebrew runs from right to left', () => {
    expect(shapes('אב')).toEqual([...shapes('ב'), ...shapes('א')])
  })

  test('numbers and Latin words in it keep their direction', () => {
    expect(shapes('א12')).toEqual([...shapes('12'), ...shapes('א')])
    expect(shapes('א Ab')).toEqual([...shapes('Ab'), ...shapes('א')])
    expect(shapes('Ab א')).toEqual([...shapes('Ab'), ...shapes('א')])
  })

  test('brackets around it are turned over', () => {
    expect(shapes('(א)')).toEqual([...shapes('('), ...shapes('א'), ...shapes(')')])
  })

  test('a Devanagari vowel that is written before its consonant stands before it', () => {
    expect(shapes('कि').at(-1)).toEqual(shapes('क').at(-1))
    expect(letter('क्ष', 1000, 600).width).toBeLessThan(letter('कष', 1000, 600).width)
  })

  test('Thai marks stand on their letter, and take no room', () => {
    expect(letter('ก่', 1000, 600).width).toBeCloseTo(letter('ก', 1000, 600).width)
    expect(letter('ก่', 1000, 600).path).not.toEqual(letter('ก', 1000, 600).path)
  })

  test('one code point is written as the language of its text does', () => {
    const [, chinese] = [letter('直', 1000, 600), shapes('直')]
    expect(shapes('直の').slice(0, chinese.length)).not.toEqual(chinese)
  })

  test('a text of right-to-left letters that is too long loses its end, which is at the left', () => {
    const cut = letterFitting('א'.repeat(300), 20, 600, 200)
    expect(cut.width).toBeLessThanOrEqual(200)
    expect(cut.path.startsWith(letter('…', 20, 600).path.slice(0, 20))).toBe(true)
  })
})

test('fifty boxes of the longest labels are lettered in a moment', async () => {
  const texts = Object.values(scripts).map((text) => text.repeat(100))
  await prepareLetters(texts, [600])
  const start = performance.now()
  for (let count = 0; count < 50; count += 1) letterFitting(texts[count % texts.length]!, 20, 600, 320)
  expect(performance.now() - start).toBeLessThan(5_000)
})
