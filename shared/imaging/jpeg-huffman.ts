/** Huffman tables of JPEGs: as the file says, or the usual ones where it leaves them out, unfolded for reading 16 bits at a time. */

/** How many codes there are of each length, and their symbols. */
interface HuffmanTable {
  readonly counts: Uint8Array
  readonly symbols: Uint8Array
}

/** By class and number as a DHT segment names them: 0–3 for DC, 16–19 for AC. */
export type HuffmanTables = Map<number, HuffmanTable>

export function readHuffmanTables(segment: Uint8Array, into: HuffmanTables): void {
  for (let at = 0; at + 17 <= segment.length; ) {
    const counts = segment.subarray(at + 1, at + 17)
    const total = counts.reduce((sum, count) => sum + count, 0)
    into.set(segment[at]!, { counts, symbols: segment.subarray(at + 17, at + 17 + total) })
    at += 17 + total
  }
}

/** For each 16 bits that can come: the length of the code they begin with (high byte) and its symbol (low byte). */
export function unfold(table: HuffmanTable | undefined): Uint16Array {
  // No code: 16 bits are passed over, and a zero is read, as libjpeg does.
  const unfolded = new Uint16Array(65_536).fill(16 << 8)
  if (table === undefined) return unfolded
  let [from, next] = [0, 0]
  for (let length = 1; length <= 16; length += 1) {
    for (let index = 0; index < table.counts[length - 1]!; index += 1) {
      unfolded.fill((length << 8) | (table.symbols[next] ?? 0), from, from + (1 << (16 - length)))
      from += 1 << (16 - length)
      next += 1
    }
  }
  return unfolded
}

const table = (counts: string, symbols: string): HuffmanTable => ({
  counts: Uint8Array.from(Buffer.from(counts, 'hex')),
  symbols: Uint8Array.from(Buffer.from(symbols, 'hex')),
})

/** Annex K.3 of the standard: the frames of a Motion JPEG carry no tables and mean these. */
export const standardTables: ReadonlyMap<number, HuffmanTable> = new Map([
  [0, table('00010501010101010100000000000000', '000102030405060708090a0b')],
  [1, table('00030101010101010101010000000000', '000102030405060708090a0b')],
  [
    16,
    table(
      '0002010303020403050504040000017d',
      '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
    ),
  ],
  [
    17,
    table(
      '00020102040403040705040400010277',
      '000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
    ),
  ],
])
