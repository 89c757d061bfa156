/** What every kind of list comes to: pictures that can be enrolled, and a sentence for each of its lines that can't. */
import { fragmentOf, ownFields, type Part } from '../enrolled-file.ts'
import { pictureFile, pictureId } from '../picture-id.ts'

export interface LabelledPicture {
  /** The picture's id: its path below the root, normalized; of a part, with the part's place. */
  readonly path: string
  readonly file: string
  readonly label: string
  readonly item: string
  /** What of the file is enrolled; all of it where not given. */
  readonly part?: Part
  /** What else the list tells of it. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface LabelProblem {
  readonly line: number
  readonly message: string
  /** `annotation 17`, of a list that has no lines. */
  readonly where?: string
}

export interface LabelFile {
  readonly pictures: readonly LabelledPicture[]
  /** Lines that can't be used; the others stand. */
  readonly problems: readonly LabelProblem[]
}

/** A picture as a list tells it. */
export interface Listed {
  readonly path: string
  readonly label: string
  /** The label where it is missing or empty. */
  readonly item?: string | undefined
  readonly part?: Part | undefined
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** Events carry labels, dashboards show them. */
const maxLabelLength = 1_000
const maxPathLength = 4_096
const maxMetadataLength = 16_384

export class ListCollector {
  readonly #root: string
  readonly #noun: string
  readonly #form: string
  readonly #pictures: LabelledPicture[] = []
  readonly #problems: LabelProblem[] = []
  readonly #seen = new Map<string, string>()

  /** `noun`: what the list is made of, `line` or `annotation`; `form`: what one is to be, for messages. */
  constructor(root: string, noun: string, form: string) {
    this.#root = root
    this.#noun = noun
    this.#form = form
  }

  /** Takes a picture, or tells why it can't be taken: `number` counts from 1. */
  add(number: number, listed: Listed): void {
    const { path, label, item = '', part, metadata = {} } = listed
    const whose = item === '' ? label : item
    const problem = problemOf(path, label, whose, this.#form) ?? partProblem(part) ?? metadataProblem(metadata)
    if (problem !== undefined) {
      this.refuse(number, problem)
      return
    }
    const id = pictureId(path, this.#root) + (part === undefined ? '' : fragmentOf(part))
    const before = this.#seen.get(id)
    if (before !== undefined) {
      this.refuse(number, `${path} stands there already, as ${before}`)
      return
    }
    this.#seen.set(id, whose)
    const more = { ...(part !== undefined && { part }), ...(Object.keys(metadata).length > 0 && { metadata }) }
    this.#pictures.push({ path: id, file: pictureFile(path, this.#root), label, item: whose, ...more })
  }

  /** A picture, or the sentence that tells why it is none. */
  take(number: number, found: Listed | string): void {
    if (typeof found === 'string') this.refuse(number, found)
    else this.add(number, found)
  }

  refuse(number: number, message: string): void {
    const where = this.#noun === 'line' ? {} : { where: `${this.#noun} ${number}` }
    this.#problems.push({ line: number, message, ...where })
  }

  end(): LabelFile {
    return { pictures: this.#pictures, problems: this.#problems }
  }
}

function problemOf(path: string, label: string, item: string, form: string): string | undefined {
  if (path === '' || label === '') return `not \`${form}\``
  for (const [what, text, most] of [
    ['path', path, maxPathLength],
    ['label', label, maxLabelLength],
    ['item', item, maxLabelLength],
  ] as const) {
    if (text.length > most) return `the ${what} is ${text.length} characters long, at most ${most} are taken`
    const control = /[\p{Cc}\p{Cs}\u2028\u2029]/u.exec(text)?.[0]
    if (control !== undefined) return `the ${what} holds the control character ${codeOf(control)}`
    if (text.includes('\uFFFD')) return `the ${what} was damaged before: it holds ${codeOf('\uFFFD')}`
  }
  return undefined
}

function partProblem(part: Part | undefined): string | undefined {
  if (part === undefined) return undefined
  const [x1, y1, x2, y2] = part.box
  if (!part.box.every(Number.isFinite)) return 'the box is not of four numbers'
  return x2 > x1 && y2 > y1 ? undefined : `the box ${part.box.join(', ')} is empty`
}

function metadataProblem(metadata: Readonly<Record<string, unknown>>): string | undefined {
  for (const field of Object.keys(metadata)) {
    if (field === ownFields.content || field === ownFields.box) {
      return `the metadata can't have a field '${field}': Sightline writes its own there`
    }
    if (field === '' || /["\\\p{Cc}]/u.test(field)) {
      return `the metadata's field ${JSON.stringify(field)} is empty, or holds a quote, a backslash or a control character`
    }
  }
  const { length } = JSON.stringify(metadata)
  return length > maxMetadataLength
    ? `the metadata is ${length} characters long, at most ${maxMetadataLength} are taken`
    : undefined
}

/** Tabs in a cell are spaces; so are the other blanks that move a printer's head. */
export const clean = (cell: string): string => cell.replaceAll(/[\t\v\f]/g, ' ').trim()

const codeOf = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
