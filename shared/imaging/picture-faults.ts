/**
 * Says why a picture that libvips refused is refused, from its bytes alone: libvips keeps one error text for the whole process,
 * which pictures decoded side by side take from each other.
 */
import { crc32 } from 'node:zlib'
import type { NativeKind } from './picture-kinds.ts'

export function faultOf(kind: NativeKind, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fault = kind === 'PNG' ? pngFault(buffer) : isCut(kind, buffer) ? `the ${kind} is cut: it ends too early` : null
  return fault ?? `the ${kind} is damaged`
}

function pngFault(png: Buffer): string | null {
  let hasPixels = false
  for (let at = 8; at + 8 <= png.length; ) {
    const type = png.toString('latin1', at + 4, at + 8)
    const end = at + 12 + png.readUInt32BE(at)
    if (end > png.length) return `the PNG is cut: it ends in its ${nameOf(type)} chunk`
    if (crc32(png.subarray(at + 4, end - 4)) !== png.readUInt32BE(end - 4)) {
      return `the PNG is damaged: the checksum of its ${nameOf(type)} chunk is wrong`
    }
    if (type === 'IEND') return hasPixels ? null : 'the PNG has no pixels'
    hasPixels ||= type === 'IDAT'
    at = end
  }
  return 'the PNG is cut: it ends too early'
}

const nameOf = (type: string): string => (/^[A-Za-z]{4}$/.test(type) ? type : 'next')

function isCut(kind: NativeKind, picture: Buffer): boolean {
  if (kind === 'WebP') return picture.length < 12 || picture.readUInt32LE(4) + 8 > picture.length
  if (kind === 'AVIF') return boxesEnd(picture) > picture.length
  return kind === 'GIF' && picture.at(-1) !== 0x3b
}

/** Where the boxes of an ISO base media file say that it ends. */
function boxesEnd(file: Buffer): number {
  let at = 0
  while (at + 8 <= file.length) {
    const size = file.readUInt32BE(at)
    // 0 reaches to the end of the file, 1 says the size in the 8 bytes that follow.
    if (size === 0) return file.length
    if (size === 1 && at + 16 > file.length) return at + 16
    const length = size === 1 ? Number(file.readBigUInt64BE(at + 8)) : size
    if (length < 8) return at
    at += length
  }
  return at
}
