/** Text as vector outlines of bundled typefaces: every machine draws the same letters, and no text reaches a markup parser. */
import { type Family, familiesFor, fontFor, inter, openFont, type Weight } from './fonts.ts'
import { type Glyph, outlineOf, type Sign, shape } from './shape.ts'

export type { Weight }

export interface Lettering {
  /** SVG path data with the baseline's start at 0,0; digits and path commands only. */
  readonly path: string
  /** Advance in the unit of the size. */
  readonly width: number
}

/** Height of capitals over the size. */
export const capHeight = 0.73

const standInSigns = '[U+0123456789ABCDEF]…'

/** Of a text, what is drawn: the rest would not fit any plate. */
const maxLength = 400

/** Opens the fonts that `letter` draws the texts with; what it was not called for is drawn as code points. */
export async function prepareLetters(texts: Iterable<string>, weights: readonly Weight[]): Promise<void> {
  for (const weight of weights) {
    for (const sign of standInSigns) await openFont(sign, [inter], weight)
    for (const text of texts) {
      for (const sign of new Set(graphemesOf(text.slice(0, maxLength)))) {
        for (const one of [sign, ...plainLetters(sign)]) await openFont(one, familiesFor(text), weight)
      }
    }
  }
}

/** Size of the letters is the em in px; `spacing` is added after each letter, in em. */
export const letter = (text: string, size: number, weight: Weight, spacing = 0): Lettering =>
  lettering(shape(signsOf(text.slice(0, maxLength), weight)), size, spacing)

/** The longest beginning of the text that is at most `maxWidth` wide, with an ellipsis where something is cut off. */
export function letterFitting(text: string, size: number, weight: Weight, maxWidth: number): Lettering {
  const signs = signsOf(text.slice(0, maxLength), weight)
  const whole = shape(signs)
  if (text.length <= maxLength && widthOf(whole) * size <= maxWidth) return lettering(whole, size)
  const ellipsis = signsOf('…', weight)
  const shortened = (count: number): readonly Glyph[] => {
    const last = signs.slice(0, count).findLastIndex((sign) => sign.text !== ' ')
    return shape([...signs.slice(0, last + 1), ...ellipsis])
  }
  let [low, high] = [0, signs.length]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (widthOf(shortened(middle)) * size <= maxWidth) low = middle
    else high = middle - 1
  }
  return lettering(shortened(low), size)
}

/** Whether at least one letter of the text can be read, and is not only stood in for. */
export const isReadable = (text: string, weight: Weight): boolean =>
  graphemesOf(text.slice(0, maxLength)).some(
    (sign) => sign !== ' ' && drawable(sign, familiesFor(text), weight) !== null,
  )

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** White space of any kind is one space; control, format and direction characters are left out. */
function graphemesOf(text: string): readonly string[] {
  const clean = text
    .normalize('NFC')
    .replaceAll(/[\u200B\u200E\u200F\u2060-\u2064\u202A-\u202E\u2066-\u2069\uFEFF]/gu, '')
    .replaceAll(/\s+/gu, ' ')
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, '')
  return [...graphemes.segment(clean)].map(({ segment }) => segment)
}

/** A sign without what may be missing in a font: ﬁ as f and i, a letter without its marks, a family as its people. */
const plainLetters = (sign: string): readonly string[] => [...sign.normalize('NFKD').replaceAll(/[\p{M}\p{Cf}]/gu, '')]

/** What is drawn one after the other: a letter that no typeface has by its code point, as [U+1F9FF]. */
function signsOf(text: string, weight: Weight): readonly Sign[] {
  const families = familiesFor(text)
  return graphemesOf(text).flatMap((sign) => drawable(sign, families, weight) ?? standIn(sign, weight))
}

/** Plain letters of Inter are closer to the rest of a label than the sign itself from another typeface. */
const drawable = (sign: string, families: readonly Family[], weight: Weight): readonly Sign[] | null =>
  withFonts([sign], [inter], weight) ??
  withFonts(plainLetters(sign), [inter], weight) ??
  withFonts([sign], families, weight) ??
  withFonts(plainLetters(sign), families, weight)

function standIn(sign: string, weight: Weight): readonly Sign[] {
  const code = sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
  return [...`[U+${code}]`].flatMap((one) => withFonts([one], [inter], weight) ?? [])
}

/** The signs with their fonts; null where there are none, or one has no font. */
function withFonts(signs: readonly string[], families: readonly Family[], weight: Weight): readonly Sign[] | null {
  const found = signs.flatMap((text) => {
    const font = fontFor(text, families, weight)
    return font === undefined ? [] : [{ text, font }]
  })
  return found.length > 0 && found.length === signs.length ? found : null
}

function lettering(glyphs: readonly Glyph[], size: number, spacing = 0): Lettering {
  let x = 0
  let path = ''
  for (const glyph of glyphs) {
    for (const { letter, values } of outlineOf(glyph)) {
      path += letter + values.map((value, index) => n((index % 2 === 0 ? x + value : value) * size)).join(' ')
    }
    x += advanceOf(glyph, spacing)
  }
  return { path, width: widthOf(glyphs, spacing) * size }
}

/** In em. */
const widthOf = (glyphs: readonly Glyph[], spacing = 0): number =>
  Math.max(
    0,
    glyphs.reduce((sum, glyph) => sum + advanceOf(glyph, spacing), -spacing),
  )

/** Marks stand on their letter. */
const advanceOf = ({ advance }: Glyph, spacing: number): number => (advance === 0 ? 0 : advance + spacing)

const n = (value: number): string => value.toFixed(2)
