/** Reads through the blocks of a JPEG's scan in each of the five ways they are coded; of the coefficients it only keeps which are not zero. */
import type { JpegBits } from './jpeg-bits.ts'

export interface ScanCoding {
  readonly isProgressive: boolean
  /** The coefficients that the scan brings: from the first to the last, in zigzag order. */
  readonly first: number
  readonly last: number
  /** A progressive scan that adds a bit to what an earlier one brought. */
  readonly isRefinement: boolean
}

export interface BlockTables {
  readonly dc: Uint16Array
  readonly ac: Uint16Array
}

/** Reads the block of that number; `restart` forgets what runs over blocks. */
export interface BlockReader {
  read(block: number, tables: BlockTables): void
  restart(): void
}

/** `nonZero` has 64 bits a block, of one component, and is kept from scan to scan. */
export function blockReader(bits: JpegBits, coding: ScanCoding, nonZero: Uint32Array): BlockReader {
  if (!coding.isProgressive) return { read: (_, tables) => readSequential(bits, tables), restart: () => undefined }
  if (coding.first === 0) {
    return {
      read: (_, { dc }) => void (coding.isRefinement ? bits.read(1) : bits.read(bits.symbol(dc) & 15)),
      restart: () => undefined,
    }
  }
  return new ProgressiveReader(bits, coding, nonZero)
}

function readSequential(bits: JpegBits, { dc, ac }: BlockTables): void {
  bits.read(bits.symbol(dc) & 15)
  for (let k = 1; k < 64; k += 1) {
    const code = bits.symbol(ac)
    if ((code & 15) === 0 && code !== 0xf0) return
    k += code >> 4
    bits.read(code & 15)
  }
}

class ProgressiveReader implements BlockReader {
  readonly #bits: JpegBits
  readonly #coding: ScanCoding
  readonly #nonZero: Uint32Array
  /** Blocks, this one included, that hold no more coefficients. */
  #ended = 0

  constructor(bits: JpegBits, coding: ScanCoding, nonZero: Uint32Array) {
    this.#bits = bits
    this.#coding = coding
    this.#nonZero = nonZero
  }

  restart(): void {
    this.#ended = 0
  }

  read(block: number, { ac }: BlockTables): void {
    if (this.#coding.isRefinement) this.#refine(block, ac)
    else this.#bring(block, ac)
  }

  #bring(block: number, ac: Uint16Array): void {
    for (let k = this.#coding.first; this.#ended === 0 && k <= this.#coding.last; k += 1) {
      const code = this.#bits.symbol(ac)
      if ((code & 15) === 0 && code !== 0xf0) this.#ended = (1 << (code >> 4)) + this.#bits.read(code >> 4)
      else {
        k += code >> 4
        if (this.#bits.read(code & 15) >= 0 && (code & 15) !== 0) this.#mark(block, k)
      }
    }
    if (this.#ended > 0) this.#ended -= 1
  }

  #refine(block: number, ac: Uint16Array): void {
    const { first, last } = this.#coding
    let k = first
    for (; this.#ended === 0 && k <= last; k += 1) {
      const code = this.#bits.symbol(ac)
      const isNew = (code & 15) !== 0
      if (!isNew && code !== 0xf0) {
        this.#ended = (1 << (code >> 4)) + this.#bits.read(code >> 4)
        break
      }
      if (isNew) this.#bits.read(1)
      k = this.#pass(block, k, code >> 4)
      if (isNew) this.#mark(block, k)
    }
    if (this.#ended > 0) {
      this.#pass(block, k, 64)
      this.#ended -= 1
    }
  }

  /** Goes over `zeros` coefficients that are still zero; each of the others on the way has a bit here. */
  #pass(block: number, from: number, zeros: number): number {
    let left = zeros
    let k = from
    for (; k <= this.#coding.last; k += 1) {
      if (((this.#nonZero[block * 2 + (k >> 5)]! >>> (k & 31)) & 1) === 1) this.#bits.read(1)
      else if (left === 0) break
      else left -= 1
    }
    return k
  }

  #mark(block: number, k: number): void {
    if (k < 64) this.#nonZero[block * 2 + (k >> 5)]! |= 1 << (k & 31)
  }
}
