/** Text as it is read: right-to-left runs in their order, letters joined, marks in their places; outlines of its glyphs. */
import bidiFactory from 'bidi-js'
import * as harfbuzz from 'harfbuzzjs'

/** A font of one weight. */
export interface Font {
  readonly face: harfbuzz.Font
  readonly unitsPerEm: number
  readonly features: harfbuzz.Feature[]
  /** Whether it has every code point of the sign. */
  readonly has: (sign: string) => boolean
}

/** Join their neighbours or choose their form; a font need not have them. */
const joining = /\u200C|\u200D|[\uFE00-\uFE0F]/gu

/** Of a TrueType or OpenType file; set letter by letter, it is not kerned and has no ligatures. */
export function fontOf(bytes: Uint8Array, weight: number, isLetterByLetter: boolean): Font {
  const file = new harfbuzz.Face(new harfbuzz.Blob(bytes))
  const face = new harfbuzz.Font(file)
  face.setVariations([new harfbuzz.Variation('wght', weight)])
  return {
    face,
    unitsPerEm: file.upem,
    features: isLetterByLetter ? ['kern', 'liga', 'calt'].map((tag) => new harfbuzz.Feature(tag, 0)) : [],
    has: (sign) =>
      [...sign.replaceAll(joining, '')].every((one) => face.nominalGlyph(one.codePointAt(0)!) !== undefined),
  }
}

/** What stays together in one font: a letter with its marks. */
export interface Sign {
  readonly text: string
  readonly font: Font
}

/** A glyph, and how far from it the next one stands, in em. */
export interface Glyph {
  readonly font: Font
  readonly id: number
  readonly advance: number
  /** Where it stands off the line, in the font's units. */
  readonly xOffset: number
  readonly yOffset: number
}

/** An SVG path command with its numbers, x and y by turns. */
export interface Command {
  readonly letter: string
  readonly values: readonly number[]
}

interface Run {
  text: string
  readonly font: Font
  /** Odd ones are read from right to left. */
  readonly level: number
}

// Its types tell of an ES module; Node loads the other one, which is the function itself.
const bidi = (bidiFactory as unknown as typeof bidiFactory.default)()

/** The glyphs of a line of text, from left to right. */
export const shape = (signs: readonly Sign[]): readonly Glyph[] => inVisualOrder(runsOf(signs)).flatMap(glyphsOf)

/** Neighbours of one font and one direction are shaped as one. */
function runsOf(signs: readonly Sign[]): readonly Run[] {
  const { levels } = bidi.getEmbeddingLevels(signs.map(({ text }) => text).join(''))
  const runs: Run[] = []
  let at = 0
  for (const { text, font } of signs) {
    const level = levels[at] ?? 0
    const last = runs.at(-1)
    if (last?.font === font && last.level === level) last.text += text
    else runs.push({ text, font, level })
    at += text.length
  }
  return runs
}

/** Unicode's rule L2: from the highest level down, what is at least of it is turned around. */
function inVisualOrder(runs: readonly Run[]): readonly Run[] {
  const order = [...runs]
  for (let level = Math.max(0, ...runs.map((run) => run.level)); level > 0; level -= 1) {
    for (let start = 0; start < order.length; start += 1) {
      let end = start
      while (end < order.length && order[end]!.level >= level) end += 1
      order.splice(start, end - start, ...order.slice(start, end).reverse())
      start = end
    }
  }
  return order
}

function glyphsOf({ text, font, level }: Run): readonly Glyph[] {
  const buffer = new harfbuzz.Buffer()
  buffer.addText(text)
  buffer.guessSegmentProperties()
  buffer.setDirection(level % 2 === 1 ? harfbuzz.Direction.RTL : harfbuzz.Direction.LTR)
  harfbuzz.shape(font.face, buffer, font.features)
  return buffer.getGlyphInfosAndPositions().map(({ codepoint: id, xAdvance = 0, xOffset = 0, yOffset = 0 }) => ({
    font,
    id,
    advance: xAdvance / font.unitsPerEm,
    xOffset,
    yOffset,
  }))
}

/** The outline in em, y downwards. HarfBuzz writes absolute coordinates with y upwards, in the font's units. */
export function outlineOf({ font: { face, unitsPerEm }, id, xOffset, yOffset }: Glyph): readonly Command[] {
  return [...face.glyphToPath(id).matchAll(/([MLQCZ])([^MLQCZ]*)/g)].map(([, letter = '', numbers = '']) => ({
    letter,
    values: (numbers.match(/-?[\d.]+(?:e-?\d+)?/g) ?? []).map((value, index) =>
      index % 2 === 0 ? (Number(value) + xOffset) / unitsPerEm : -(Number(value) + yOffset) / unitsPerEm,
    ),
  }))
}
