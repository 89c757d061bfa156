/** The text of a label file: UTF-8, or UTF-16 where its first bytes say so; anything else is refused, never read as rubbish. */
import { createReadStream } from 'node:fs'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'

/** Far more than a list of a million pictures. */
const maxBytes = 256 * 1024 * 1024

/** Throws LABELS_UNREADABLE. */
export async function readLabelText(file: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw new Error(`it is larger than ${maxBytes / 1024 / 1024} MiB`)
      chunks.push(chunk)
    }
  } catch (cause) {
    throw unreadable(file, `can't be read: ${describeError(cause)}`)
  }
  return decodeLabelText(Buffer.concat(chunks), file)
}

/** `file` is for messages. Throws LABELS_UNREADABLE. */
export function decodeLabelText(bytes: Uint8Array, file: string): string {
  const [first, second] = bytes
  const isLittle = first === 0xff && second === 0xfe
  if (isLittle || (first === 0xfe && second === 0xff)) {
    const text = decode(bytes, isLittle ? 'utf-16le' : 'utf-16be')
    if (text === undefined) throw unreadable(file, 'is not the UTF-16 that it begins as: save it as UTF-8')
    return checked(text, file)
  }
  const text = decode(bytes, 'utf-8')
  if (text !== undefined) return checked(text, file)
  const { line, shown } = firstDamaged(bytes)
  throw unreadable(file, `is not UTF-8: line ${line} is ${shown}; save it as UTF-8`)
}

/** At most 60 characters of a line for a message, without what would move a terminal's cursor. */
export const showLine = (line: string): string =>
  JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line).replaceAll('\\t', '<TAB>')

export const unreadable = (file: string, why: string): SightlineError =>
  new SightlineError('LABELS_UNREADABLE', `the label file ${file} ${why}`)

function decode(bytes: Uint8Array, encoding: 'utf-8' | 'utf-16le' | 'utf-16be'): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function checked(text: string, file: string): string {
  const at = text.indexOf('\u0000')
  if (at < 0) return text
  const line = text.slice(0, at).split(/\r\n|\n|\r/).length
  throw unreadable(file, `is no text, or UTF-16 that does not say so: line ${line} holds a zero; save it as UTF-8`)
}

function firstDamaged(bytes: Uint8Array): { readonly line: number; readonly shown: string } {
  let start = 0
  for (let line = 1; ; line += 1) {
    const found = bytes.indexOf(0x0a, start)
    const end = found < 0 ? bytes.length : found
    const part = bytes.subarray(start, end)
    if (decode(part, 'utf-8') === undefined || found < 0) {
      return { line, shown: showLine(new TextDecoder().decode(part.subarray(0, 400))) }
    }
    start = end + 1
  }
}
