/** Text as vector outlines of a bundled typeface: every machine draws the same letters, whichever fonts it has, and no text reaches a markup parser. */
import { readFileSync } from 'node:fs'
import opentype, { type Font, type Path } from 'opentype.js'

export type Weight = 400 | 500 | 600 | 800 | 900

export interface Lettering {
  /** SVG path data with the baseline's start at 0,0; digits and path commands only. */
  readonly path: string
  /** Advance in the unit of the size. */
  readonly width: number
}

/** Scripts the typeface comes in, one file each, read when a text first needs one. */
const subsets = ['latin', 'latin-ext', 'greek', 'cyrillic', 'vietnamese'] as const

const fonts = new Map<string, Font>()

function font(subset: string, weight: Weight): Font {
  const file = `@fontsource/inter/files/inter-${subset}-${weight}-normal.woff`
  const known = fonts.get(file)
  if (known !== undefined) return known
  const bytes = readFileSync(new URL(import.meta.resolve(file)))
  const parsed = opentype.parse(new Uint8Array(bytes).buffer)
  fonts.set(file, parsed)
  return parsed
}

/** Height of capitals over the size. */
export const capHeight = 0.73

/** Size of the letters is the em in px; `spacing` is added after each letter, in em. */
export function letter(text: string, size: number, weight: Weight, spacing = 0): Lettering {
  const parts: string[] = []
  let x = 0
  for (const sign of signsOf(text)) {
    const found = glyphFont(sign, weight)
    if (found === undefined) {
      parts.push(emptyBox(x, size))
      x += size * (0.7 + spacing)
      continue
    }
    const glyph = found.charToGlyph(sign)
    parts.push(pathData(glyph.getPath(x, 0, size)))
    x += ((glyph.advanceWidth ?? found.unitsPerEm) / found.unitsPerEm + spacing) * size
  }
  return { path: parts.join(''), width: Math.max(0, x - spacing * size) }
}

/** The longest beginning of the text that is at most `maxWidth` wide, with an ellipsis where something is cut off. */
export function letterFitting(text: string, size: number, weight: Weight, maxWidth: number): Lettering {
  const whole = letter(text.slice(0, 400), size, weight)
  if (text.length <= 400 && whole.width <= maxWidth) return whole
  const signs = signsOf(text.slice(0, 400))
  let [low, high] = [0, signs.length]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (letter(shortened(signs, middle), size, weight).width <= maxWidth) low = middle
    else high = middle - 1
  }
  return letter(shortened(signs, low), size, weight)
}

const shortened = (signs: readonly string[], count: number): string => `${signs.slice(0, count).join('').trimEnd()}…`

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * What is drawn one after the other: letters the typeface has, else their plain form (ﬁ → fi, ｱ stays), else the whole
 * grapheme (an emoji of several code points is one). White space of any kind is one space; control, format and
 * direction characters are left out.
 */
function signsOf(text: string): readonly string[] {
  const clean = text
    .normalize('NFC')
    .replaceAll(/[\u200B\u200E\u200F\u2060-\u2064\u202A-\u202E\u2066-\u2069\uFEFF]/gu, '')
    .replaceAll(/\s+/gu, ' ')
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, '')
  return [...graphemes.segment(clean)].flatMap(({ segment }): readonly string[] => {
    if (isDrawable(segment)) return [segment]
    const plain = [...segment.normalize('NFKD').replaceAll(/\p{M}/gu, '')]
    return plain.length > 0 && plain.every(isDrawable) ? plain : [segment]
  })
}

const isDrawable = (sign: string): boolean => glyphFont(sign, 600) !== undefined

/** The first font that has the sign; a sign of several code points is in none. */
function glyphFont(sign: string, weight: Weight): Font | undefined {
  if (sign.length > 1 && [...sign].length > 1) return undefined
  for (const subset of subsets) {
    const candidate = font(subset, weight)
    if (candidate.charToGlyphIndex(sign) !== 0) return candidate
  }
  return undefined
}

/** The outline as path data; the library's own writer runs numbers together that round to minus nought. */
function pathData({ commands }: Path): string {
  const parts = commands.map((command) => {
    if (command.type === 'Z') return 'Z'
    const start = command.type === 'C' ? `${n(command.x1)} ${n(command.y1)} ${n(command.x2)} ${n(command.y2)} ` : ''
    const control = command.type === 'Q' ? `${n(command.x1)} ${n(command.y1)} ` : start
    return `${command.type}${control}${n(command.x)} ${n(command.y)}`
  })
  return parts.join('')
}

/** What stands for a sign the typeface lacks: the outline of a box, as wide as a letter. */
function emptyBox(x: number, size: number): string {
  const [left, right, top, line] = [x + size * 0.08, x + size * 0.62, -size * capHeight, size * 0.07]
  return (
    `M${n(left)} 0H${n(right)}V${n(top)}H${n(left)}Z` +
    `M${n(left + line)} ${n(-line)}V${n(top + line)}H${n(right - line)}V${n(-line)}Z`
  )
}

const n = (value: number): string => value.toFixed(2)
