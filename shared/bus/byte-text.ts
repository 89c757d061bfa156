/** Bytes as text and back without loss: UTF-8 reads as it is, and no two byte strings read alike. */
import { isUtf8 } from 'node:buffer'

const escapes = /\\x[0-9a-f]{2}/g

/**
 * A byte that belongs to no UTF-8 becomes `\xff`. So that no text can be taken for such a byte, the backslash of a text that
 * looks like one becomes `\x5c`.
 */
export function bytesToText(bytes: Buffer): string {
  if (isUtf8(bytes)) return escaped(bytes.toString())
  let text = ''
  let start = 0
  for (let at = 0; at < bytes.length; ) {
    const length = characterBytes(bytes, at)
    if (length === 0) {
      text += escaped(bytes.toString('utf8', start, at)) + escapeOf(bytes[at]!)
      start = at + 1
    }
    at += Math.max(length, 1)
  }
  return text + escaped(bytes.toString('utf8', start))
}

/** The bytes that read as `text`. A text that no bytes read as, with `\x41` in it say, stands for itself. */
export function textToBytes(text: string): Buffer {
  const plain = Buffer.from(text)
  if (!text.includes('\\x')) return plain
  const parts: Buffer[] = []
  let start = 0
  for (const { index } of text.matchAll(escapes)) {
    parts.push(Buffer.from(text.slice(start, index)), Buffer.from(text.slice(index + 2, index + 4), 'hex'))
    start = index + 4
  }
  const bytes = Buffer.concat([...parts, Buffer.from(text.slice(start))])
  return bytesToText(bytes) === text ? bytes : plain
}

/** How many bytes `textToBytes` answers with. */
export const textBytes = (text: string): number =>
  text.includes('\\x') ? textToBytes(text).length : Buffer.byteLength(text)

const escaped = (text: string): string =>
  text.includes('\\x') ? text.replaceAll(escapes, (found) => `\\x5c${found.slice(1)}`) : text

const escapeOf = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`

/** Bytes of the character that begins at `at`; 0 where none does. */
function characterBytes(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0
}
