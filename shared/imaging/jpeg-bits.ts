/** The bits of a JPEG's scan, interval by interval: past lost and stray bytes as libjpeg finds its way, telling where none are left. */
const [eoi, rst0, rst7] = [0xd9, 0xd0, 0xd7]

/** The next marker from `at` on, and where what follows it begins; the end of the bytes is an end of the picture. */
export function nextMarker(bytes: Uint8Array, at: number): { readonly code: number; readonly next: number } {
  for (let from = bytes.indexOf(0xff, at); from !== -1; from = bytes.indexOf(0xff, from + 1)) {
    const code = bytes[from + 1]
    if (code !== undefined && code !== 0 && code !== 0xff) return { code, next: from + 2 }
  }
  return { code: eoi, next: bytes.length }
}

export class JpegBits {
  /** True once more bits were asked for than there are; what was read with them is made up. */
  isOver = false

  readonly #bytes: Uint8Array
  /** Where bytes stop being the picture's. */
  readonly #hole: number
  #at: number
  #bits = 0
  #count = 0
  /** Of `#count`, zeros that nobody sent. */
  #borrowed = 0
  /** The marker that the bits end at; nothing is read behind it until the interval ends. */
  #marker: number | null = null
  #expected = 0

  constructor(bytes: Uint8Array, start: number, hole: number) {
    this.#bytes = bytes
    this.#at = start
    this.#hole = hole
  }

  /** Where the search for the next marker goes on after the scan. */
  get end(): number {
    return this.#marker === null ? this.#at : this.#at - 2
  }

  /** The symbol of the code that comes, by a table of all 16 bits that can. */
  symbol(table: Uint16Array): number {
    if (this.#count < 16) this.#fill()
    const entry = table[(this.#bits >> (this.#count - 16)) & 0xffff]!
    this.#drop(entry >> 8)
    return entry & 0xff
  }

  /** At most 15 bits. */
  read(length: number): number {
    if (this.#count < length) this.#fill()
    const value = (this.#bits >> (this.#count - length)) & ((1 << length) - 1)
    this.#drop(length)
    return value
  }

  /** Goes over the restart marker that belongs here; false where the scan has ended instead. */
  restart(): boolean {
    ;[this.#bits, this.#count, this.#borrowed] = [0, 0, 0]
    let code = this.#marker ?? this.#seek()
    // As jpeg_resync_to_restart does: a marker just behind is passed over, one just ahead waits for its turn.
    for (;;) {
      const ahead = code < rst0 || code > rst7 ? -1 : (code - rst0 - this.#expected) & 7
      if (code >= 0xc0 && ahead !== 6 && ahead !== 7) {
        this.#marker = ahead === 0 || (ahead >= 3 && ahead <= 5) ? null : code
        break
      }
      code = this.#seek()
    }
    this.#expected = (this.#expected + 1) & 7
    this.isOver = this.#marker !== null
    return this.#marker !== eoi
  }

  #fill(): void {
    while (this.#count <= 16) {
      const byte = this.#marker === null ? this.#next() : null
      if (byte === null) this.#borrowed += 8
      this.#bits = ((this.#bits << 8) | (byte ?? 0)) & 0xffffff
      this.#count += 8
    }
  }

  /** Null where a marker or the end comes. */
  #next(): number | null {
    const byte = this.#bytes[this.#at]
    const isData = byte !== undefined && this.#at !== this.#hole && (byte !== 0xff || this.#bytes[this.#at + 1] === 0)
    if (!isData) {
      this.#marker = this.#seek()
      return null
    }
    this.#at += byte === 0xff ? 2 : 1
    return byte
  }

  #drop(length: number): void {
    this.#count -= length
    if (this.#count < this.#borrowed) this.isOver = true
  }

  #seek(): number {
    const { code, next } = nextMarker(this.#bytes, this.#at)
    this.#at = next
    return code
  }
}
