/** Letters as outlines: path data that every renderer can read, whatever the text and size. */
import { describe, expect, test } from 'vitest'
import { letter, letterFitting } from '../../../views/draw/lettering.ts'

/** Numbers of each command; a path with any other count ends where it is wrong. */
const numbers: Readonly<Record<string, number>> = { M: 2, L: 2, Q: 4, C: 6, H: 1, V: 1, Z: 0 }

function isWellFormed(path: string): boolean {
  const commands = path.match(/[A-Z][^A-Z]*/g) ?? []
  return commands.every((command) => {
    const values = command.slice(1).trim().split(/\s+/).filter(Boolean)
    return values.length === numbers[command[0]!] && values.every((value) => /^-?\d+(\.\d+)?$/.test(value))
  })
}

const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')

describe('lettering', () => {
  test('all printable ASCII is well-formed path data at any size', () => {
    for (let size = 5; size < 60; size += 0.731) expect(isWellFormed(letter(ascii, size, 600).path)).toBe(true)
  })

  test('each printable sign has an outline of its own', () => {
    const outlines = [...ascii.slice(1)].map((sign) => letter(sign, 100, 600).path)
    expect(new Set(outlines).size).toBe(94)
  })

  test('accents, Greek and Cyrillic are letters; what the typeface lacks is one box a grapheme', () => {
    const box = letter('\u{1F600}', 20, 600)
    for (const sign of ['é', 'ř', 'Ω', 'Я', 'ệ']) expect(letter(sign, 20, 600).path).not.toBe(box.path)
    expect(letter('漢', 20, 600)).toEqual(box)
    expect(letter('👩‍👩‍👧', 20, 600)).toEqual(box)
  })

  test('compatibility forms are written in plain letters', () => {
    expect(letter('ﬁｎｅ', 20, 600)).toEqual(letter('fine', 20, 600))
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
