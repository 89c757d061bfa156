/** What labels are made of: lettering, motifs, small print and barcodes as SVG shapes, without fonts and without chance. */
import { letter, prepareLetters, type Weight } from '@sightline/views/draw/lettering.ts'
import type { Design } from './design.ts'
import { motifs } from './motifs.ts'

// All of Latin is in one file of each weight.
await prepareLetters(['Latin'], [400, 500, 600, 800, 900])

interface Word {
  readonly x: number
  readonly y: number
  /** Em; smaller where the word would be wider than `maxWidth`. */
  readonly size: number
  readonly maxWidth: number
  readonly fill: string
  readonly weight?: Weight
  readonly spacing?: number
  /** Line around the letters. */
  readonly outline?: string
  /** Degrees; leans the letters to the right. */
  readonly skew?: number
  readonly turn?: number
}

/** A word centred on x with its baseline at y. */
export function word(text: string, { x, y, size, maxWidth, fill, weight = 800, spacing = 0, ...style }: Word): string {
  const natural = letter(text, size, weight, spacing)
  const scale = Math.min(1, maxWidth / Math.max(natural.width, 1))
  const path = `<path transform="translate(${-natural.width / 2} 0)" d="${natural.path}"`
  const line =
    style.outline === undefined
      ? ''
      : `${path} fill="none" stroke="${style.outline}" stroke-width="${size * 0.16}" stroke-linejoin="round"/>`
  return `<g transform="translate(${x} ${y}) rotate(${style.turn ?? 0}) skewX(${-(style.skew ?? 0)}) scale(${scale})">${line}${path} fill="${fill}"/></g>`
}

export function motif({ motif, motifColours }: Design, x: number, y: number, radius: number): string {
  return `<g transform="translate(${x} ${y}) scale(${radius / 50})">${motifs[motif](motifColours)}</g>`
}

/** Lines too small to read, as on every package. */
export function smallPrint(x: number, y: number, width: number, rows: number, row: number, fill: string): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const length = width * (0.72 + 0.28 * Math.abs(Math.sin(index * 2.1 + x)))
    return `<path d="M${x} ${y + index * row}h${length}" stroke="${fill}" stroke-opacity=".75" stroke-width="${row * 0.42}" stroke-dasharray="${row * 2.3} ${row * 0.5} ${row * 1.3} ${row * 0.5}"/>`
  })
  return lines.join('')
}

export function barcode(x: number, y: number, width: number, height: number): string {
  const bars: string[] = []
  for (let at = width * 0.06, index = 0; at < width * 0.94; index += 1) {
    const bar = width * [0.012, 0.02, 0.03, 0.016][(index * 7 + (index >> 1)) % 4]!
    if (index % 2 === 0)
      bars.push(`<rect x="${x + at}" y="${y + height * 0.08}" width="${bar}" height="${height * 0.84}"/>`)
    at += bar
  }
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="#fff"/><g fill="#111">${bars.join('')}</g>`
}

/** Draws on a face of w × h; all sizes are relative, so that faces of any form work. */
export type Draw = (design: Design, w: number, h: number) => string
