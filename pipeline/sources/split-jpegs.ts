/** Cuts a stream of JPEGs, one behind the other, into pictures: what cameras and ffmpeg write as MJPEG. */
import { SightlineError } from '@sightline/shared/errors/errors.ts'

const startOfImage = 0xd8
const endOfImage = 0xd9
const startOfScan = 0xda

/** A picture that has no end within this many bytes is none. */
const maxPictureBytes = 64 * 1024 * 1024

/** Throws IMAGE_UNREADABLE where the stream is something else, or ends in the midst of a picture. */
export async function* splitJpegs(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk])
    for (let length = jpegLength(bytes); length !== null; length = jpegLength(bytes)) {
      yield new Uint8Array(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
    }
    if (bytes.length > maxPictureBytes) throw unreadable(`a picture has no end within ${maxPictureBytes} bytes`)
  }
  if (bytes.length > 0) throw unreadable(`it ends in the midst of a picture, ${bytes.length} bytes after its beginning`)
}

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === startOfImage

/**
 * The length of the JPEG that `bytes` begin with, null where more bytes are needed. Goes from segment to segment (ITU T.81,
 * annex B): a thumbnail inside one has an end marker of its own.
 */
function jpegLength(bytes: Buffer): number | null {
  if (bytes.length < 2) return null
  if (!isJpeg(bytes)) throw unreadable('it is no sequence of JPEG pictures')
  let at = 2
  for (;;) {
    if (at + 4 > bytes.length) return at + 2 <= bytes.length && bytes[at + 1] === endOfImage ? at + 2 : null
    if (bytes[at] !== 0xff) throw unreadable('a JPEG picture in it is broken')
    const marker = bytes[at + 1]!
    if (marker === endOfImage) return at + 2
    if (marker === 0xff) {
      at += 1 // A fill byte.
      continue
    }
    at += 2 + bytes.readUInt16BE(at + 2)
    if (marker === startOfScan) {
      const next = nextMarker(bytes, at)
      if (next === null) return null
      at = next
    }
  }
}

/** Behind the coded data of a scan; a 0xff in it is followed by 0 or a restart marker. */
function nextMarker(bytes: Buffer, from: number): number | null {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 2)) {
    const marker = bytes[at + 1]!
    if (marker === 0xff) at -= 1
    else if (marker !== 0 && (marker < 0xd0 || marker > 0xd7)) return at
  }
  return null
}

const unreadable = (what: string): SightlineError =>
  new SightlineError('IMAGE_UNREADABLE', `the stream can't be cut into pictures: ${what}`)
