/** The typefaces that come with Sightline: every machine draws the same letters, and of each only the files that a text needs are read. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import decompress from 'woff2-encoder/decompress'
import { type Font, fontOf } from './shape.ts'

export type Weight = 400 | 500 | 600 | 800 | 900

/** A typeface in files of some letters each, which its `unicode.json` lists by name. */
export interface Family {
  readonly name: string
  readonly file: (letters: string, weight: Weight) => string
  readonly isLetterByLetter: boolean
}

export const inter: Family = {
  name: '@fontsource/inter',
  file: (letters, weight) => `inter-${letters}-${weight}-normal.woff2`,
  isLetterByLetter: true,
}

/** One file for all weights. */
const noto = (script: string): Family => ({
  name: `@fontsource-variable/noto-${script}`,
  file: (letters) => `noto-${script}-${letters}-wght-normal.woff2`,
  isLetterByLetter: false,
})

const [chinese, japanese, korean, emoji] = [noto('sans-sc'), noto('sans-jp'), noto('sans-kr'), noto('emoji')]
const others = ['thai', 'arabic', 'hebrew', 'devanagari', 'bengali', 'tamil', 'telugu'].map((one) =>
  noto(`sans-${one}`),
)

/** China, Japan and Korea write one code point differently: what else the text holds tells whose it is. */
export function familiesFor(text: string): readonly Family[] {
  const isJapanese = /[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)
  const isKorean = /\p{Script=Hangul}/u.test(text)
  const first = isJapanese ? [japanese] : isKorean ? [korean] : []
  return [inter, ...others, ...new Set([...first, chinese, japanese, korean]), emoji]
}

const opened = new Map<string, Font>()
const opening = new Map<string, Promise<Font>>()

/** Reads the first file that has the sign; nothing where none has it. */
export async function openFont(sign: string, families: readonly Family[], weight: Weight): Promise<void> {
  for (const file of filesFor(sign, families, weight)) if ((await open(file, weight)).has(sign)) return
}

/** The first font that has the sign, of those that were opened. */
export function fontFor(sign: string, families: readonly Family[], weight: Weight): Font | undefined {
  for (const file of filesFor(sign, families, weight)) {
    const font = opened.get(keyOf(file, weight))
    if (font?.has(sign) === true) return font
  }
  return undefined
}

interface FontFile {
  readonly family: Family
  readonly name: string
}

const keyOf = ({ name }: FontFile, weight: Weight): string => `${name} ${weight}`

/** Files that may have the sign, the best first; no list of a typeface is read before those ahead of it were tried. */
function* filesFor(sign: string, families: readonly Family[], weight: Weight): Generator<FontFile> {
  for (const family of families) {
    for (const letters of filesByLetter(family).get(sign.codePointAt(0)!) ?? []) {
      yield { family, name: family.file(letters, weight) }
    }
  }
}

function open(file: FontFile, weight: Weight): Promise<Font> {
  const key = keyOf(file, weight)
  const font = opening.get(key) ?? read(file, weight)
  opening.set(key, font)
  return font
}

async function read(file: FontFile, weight: Weight): Promise<Font> {
  const bytes = await decompress(await readFile(pathIn(file.family, `files/${file.name}`)))
  const font = fontOf(bytes, weight, file.family.isLetterByLetter)
  opened.set(keyOf(file, weight), font)
  return font
}

const listed = new Map<Family, ReadonlyMap<number, readonly string[]>>()

/** By code point, the files' names for those that have it. */
function filesByLetter(family: Family): ReadonlyMap<number, readonly string[]> {
  const known = listed.get(family)
  if (known !== undefined) return known
  const files = new Map<number, string[]>()
  const ranges = JSON.parse(readFileSync(pathIn(family, 'unicode.json'), 'utf8')) as Readonly<Record<string, string>>
  for (const [name, range] of Object.entries(ranges)) {
    // Numbered parts are written as [4].
    const letters = name.replaceAll(/[[\]]/g, '')
    for (const [, from = '', to = from] of range.matchAll(/U\+([0-9a-f]+)(?:-([0-9a-f]+))?/gi)) {
      for (let code = Number.parseInt(from, 16); code <= Number.parseInt(to, 16); code += 1) {
        files.set(code, [...(files.get(code) ?? []), letters])
      }
    }
  }
  listed.set(family, files)
  return files
}

const pathIn = ({ name }: Family, path: string): URL => new URL(import.meta.resolve(`${name}/${path}`))
