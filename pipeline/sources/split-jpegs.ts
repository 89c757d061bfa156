/**
 * Cuts a stream of JPEGs into pictures, as cameras write MJPEG, and passes over what is none: part boundaries and headers,
 * padding, damaged pictures, garbage. Whatever the stream is, time grows with its length alone, and memory is bounded.
 */
import { defaultImageLimits } from '@sightline/shared/imaging/decode.ts'

const startOfImage = 0xd8
const endOfImage = 0xd9
const startOfScan = 0xda
/** A picture's first marker, and the beginning of its second. */
const beginning = Buffer.from([0xff, startOfImage, 0xff])

/** A picture that has no end within this many bytes is none. */
const maxPictureBytes = defaultImageLimits.maxBytes

/** So many segments are followed again within a stretch in which something broke, for each of its bytes, and a few. */
const effort = 0.25
const leastEffort = 1000

/**
 * What begins like a picture is followed from segment to segment (ITU T.81, annex B; a thumbnail inside one has an end
 * marker of its own) up to its end. Where it breaks, the search goes on inside what it may have swallowed: its last
 * segment, if it had shown itself to be a picture before that; else all that is behind its beginning.
 */
export class JpegSplitter {
  readonly #maxBytes: number
  #bytes: Buffer = Buffer.alloc(0)
  #begin = 0
  #end = 0
  /** Where a picture that began at `#begin` is followed to; may lie behind `#end`. Null where none has begun. */
  #at: number | null = null
  /** Its last segment. */
  #segment = 0
  /** It holds tables, and is still to be looked through. */
  #isTable = false
  #isInScan = false
  #hasFrame = false
  #hasScan = false
  /** Up to here the stream was followed in vain; what is left to spend on looking again. */
  #brokenUntil = 0
  #effortLeft = 0
  #skippedBytes = 0
  #damaged = 0

  constructor(maxBytes = maxPictureBytes) {
    this.#maxBytes = maxBytes
  }

  /** Bytes that belong to no picture handed on. */
  get skippedBytes(): number {
    return this.#skippedBytes
  }

  /** Pictures among the skipped that had begun well. */
  get damaged(): number {
    return this.#damaged
  }

  get bufferedBytes(): number {
    return this.#end - this.#begin
  }

  /** The pictures that end in `chunk`. */
  *push(chunk: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
    this.#append(chunk)
    yield* this.#pictures()
  }

  /**
   * At the end of the stream: the pictures that were hidden in one that never ended. A picture that is all there but for
   * its end marker is `tail`: whether it can be read, its decoder knows.
   */
  end(): { readonly pictures: readonly Uint8Array<ArrayBuffer>[]; readonly tail: Uint8Array<ArrayBuffer> | null } {
    const tail = this.#isInScan ? this.#bytes.subarray(this.#begin, this.#end) : null
    const pictures: Uint8Array<ArrayBuffer>[] = []
    while (this.#at !== null) {
      this.#giveUp()
      pictures.push(...this.#pictures())
    }
    this.#skip(this.#end)
    return { pictures, tail: tail === null || pictures.length > 0 ? null : new Uint8Array(tail) }
  }

  *#pictures(): Generator<Uint8Array<ArrayBuffer>> {
    while (this.#at !== null || this.#findStart()) {
      const verdict = this.#follow()
      if (verdict === 'more' && this.bufferedBytes <= this.#maxBytes) return
      if (verdict === 'picture') {
        const end = this.#at!
        yield new Uint8Array(this.#bytes.subarray(this.#begin, end))
        this.#begin = end
        this.#at = null
      } else this.#giveUp()
    }
  }

  /** Goes to the next beginning of a picture; false where there is none yet. */
  #findStart(): boolean {
    const at = this.#nextStart()
    if (at < 0) return false
    this.#skip(at)
    this.#at = at + 2
    this.#isInScan = this.#hasFrame = this.#hasScan = this.#isTable = false
    return true
  }

  #nextStart(): number {
    const [bytes, begin] = [this.#bytes, this.#begin]
    if (
      this.#end - begin >= 3 &&
      bytes[begin] === 0xff &&
      bytes[begin + 1] === startOfImage &&
      bytes[begin + 2] === 0xff
    )
      return begin
    const view = bytes.subarray(0, this.#end)
    const at = view.indexOf(beginning, begin)
    if (at >= 0) return at
    // The last bytes may be the first ones of a beginning.
    const last = Math.max(begin, this.#end - 2)
    const cut = view.subarray(last).indexOf(0xff)
    this.#skip(cut < 0 ? this.#end : last + cut)
    return -1
  }

  #follow(): 'more' | 'picture' | 'broken' {
    const bytes = this.#bytes
    for (;;) {
      let at = this.#at!
      if (at - this.#begin > this.#maxBytes) return 'broken'
      if (at + 2 > this.#end) return 'more'
      if (this.#hasSwallowed(at)) {
        this.#isInScan = false
        return 'broken'
      }
      if (this.#isInScan) {
        const next = scanEnd(bytes, at, this.#end)
        this.#at = next.at
        if (!next.isMarker) return 'more'
        at = next.at
        this.#isInScan = false
      }
      if (at + 2 > this.#end) return 'more'
      if (bytes[at] !== 0xff) return 'broken'
      const marker = bytes[at + 1]!
      if (this.#begin < this.#brokenUntil && --this.#effortLeft <= 0) return 'broken'
      if (marker === 0xff) {
        this.#at = at + 1 // A fill byte.
        continue
      }
      if (marker === endOfImage && this.#hasScan) {
        this.#at = at + 2
        return 'picture'
      }
      if (!hasLength(marker)) return 'broken'
      if (this.#end - at < 4) return 'more'
      const length = bytes.readUInt16BE(at + 2)
      if (length < 2) return 'broken'
      this.#segment = at
      if (isFrameHeader(marker)) {
        if (this.#end - at < 10) return 'more'
        // T.81 B.2.2: 8 bytes, and 3 for each component.
        if (length < 11 || length !== 8 + 3 * bytes[at + 9]!) return 'broken'
        this.#hasFrame = true
      }
      if (marker === startOfScan) {
        // T.81 B.2.3: 6 bytes, and 2 for each of 1 to 4 components.
        if (!this.#hasFrame || length < 8 || length > 14 || length % 2 !== 0) return 'broken'
        this.#isInScan = this.#hasScan = true
      }
      this.#at = at + 2 + length
      this.#isTable = marker < 0xe0
    }
  }

  /** Whether the segment in front of `at` is one of tables that was cut, with the next picture's beginning in it. */
  #hasSwallowed(at: number): boolean {
    if (!this.#isTable) return false
    this.#isTable = false
    return this.#bytes.subarray(this.#segment + 2, at + 2).includes(beginning)
  }

  #giveUp(): void {
    // What a segment's length passes over was not looked at yet.
    const reached = Math.min(this.#isInScan ? this.#at! : Math.max(this.#segment, this.#begin) + 2, this.#end)
    if (this.#begin >= this.#brokenUntil) this.#effortLeft = leastEffort + effort * (reached - this.#begin)
    this.#brokenUntil = Math.max(this.#brokenUntil, reached)
    if (this.#hasFrame) {
      this.#damaged += 1
      this.#skip(reached)
    } else this.#skip(this.#effortLeft > 0 ? this.#begin + 2 : this.#brokenUntil)
    this.#at = null
  }

  #skip(to: number): void {
    this.#skippedBytes += to - this.#begin
    this.#begin = to
  }

  #append(chunk: Uint8Array): void {
    const kept = this.#end - this.#begin
    if (this.#end + chunk.length > this.#bytes.length) {
      const isRoomy = kept + chunk.length <= this.#bytes.length / 2
      const target = isRoomy ? this.#bytes : Buffer.allocUnsafe(Math.max(maxSegmentBytes, 2 * (kept + chunk.length)))
      this.#bytes.copy(target, 0, this.#begin, this.#end)
      this.#bytes = target
      this.#brokenUntil = Math.max(0, this.#brokenUntil - this.#begin)
      if (this.#at !== null) this.#at -= this.#begin
      this.#segment -= this.#begin
      this.#begin = 0
      this.#end = kept
    }
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }
}

const maxSegmentBytes = 0xffff

/** Markers that a length follows: all but those that stand alone, and those that mean nothing. */
const hasLength = (marker: number): boolean => marker >= 0xc0 && (marker < 0xd0 || marker > endOfImage)

/** SOF0 to SOF15; 0xc4, 0xc8 and 0xcc are tables and reserved. */
const isFrameHeader = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/**
 * The marker behind the coded data of a scan. A 0xff in it is followed by 0 or a restart marker; a marker that means
 * nothing is a stray byte, which decoders pass over.
 */
function scanEnd(bytes: Buffer, from: number, end: number): { readonly at: number; readonly isMarker: boolean } {
  const data = bytes.subarray(0, end)
  for (let at = data.indexOf(0xff, Math.min(from, end)); at >= 0; at = data.indexOf(0xff, at + 1)) {
    if (at + 1 >= end) return { at, isMarker: false }
    const marker = data[at + 1]!
    if (marker !== 0xff && (marker === startOfImage || marker === endOfImage || hasLength(marker))) {
      return { at, isMarker: true }
    }
  }
  return { at: Math.max(from, end), isMarker: false }
}

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === startOfImage
