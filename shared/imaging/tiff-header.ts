/** Reads the first directory of a TIFF: how the picture is coded, and whether all of it lies in the file. Of what is missing libtiff makes black. */

export interface TiffFindings {
  /** What keeps it from being read; null where nothing does. */
  readonly fault: string | null
  readonly width: number
  readonly height: number
  /** In tiles, of which libvips passes over those that fail. */
  readonly isTiled: boolean
}

/** Those that sharp's libtiff is built with. */
const readCompressions: ReadonlyMap<number, string> = new Map([
  [1, 'none'],
  [2, 'CCITT'],
  [3, 'CCITT fax 3'],
  [4, 'CCITT fax 4'],
  [5, 'LZW'],
  [7, 'JPEG'],
  [8, 'Deflate'],
  [32_773, 'PackBits'],
  [32_946, 'Deflate'],
  [50_001, 'WebP'],
])

const otherCompressions: ReadonlyMap<number, string> = new Map([
  [6, 'JPEG of the old style'],
  [9, 'JBIG'],
  [10, 'JBIG'],
  [32_766, 'NeXT'],
  [32_809, 'ThunderScan'],
  [33_003, 'JPEG 2000'],
  [33_005, 'JPEG 2000'],
  [34_661, 'JBIG'],
  [34_676, 'SGI LogLuv'],
  [34_677, 'SGI LogLuv'],
  [34_712, 'JPEG 2000'],
  [34_713, 'Nikon raw'],
  [34_887, 'LERC'],
  [34_892, 'lossy JPEG of DNG'],
  [34_925, 'LZMA'],
  [34_933, 'PNG'],
  [34_934, 'JPEG XR'],
  [50_000, 'Zstandard (zstd)'],
  [50_002, 'JPEG XL'],
  [52_546, 'JPEG XL of DNG'],
])

const tag = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samples: 277,
  stripBytes: 279,
  tileOffsets: 324,
  tileBytes: 325,
  dngVersion: 50_706,
} as const

const yCbCr = 6

export function examineTiff(bytes: Uint8Array): TiffFindings {
  const tags = firstDirectory(bytes)
  if (tags === null)
    return { fault: 'the TIFF is cut: its directory lies beyond its last byte', isTiled: false, width: 0, height: 0 }
  const [width = 0, height = 0] = [tags.get(tag.width)?.[0], tags.get(tag.height)?.[0]]
  return { fault: faultOf(tags, bytes.length), isTiled: tags.has(tag.tileOffsets), width, height }
}

type Tags = ReadonlyMap<number, readonly number[]>

function faultOf(tags: Tags, length: number): string | null {
  if (tags.has(tag.dngVersion)) return 'a raw picture of a camera (DNG) is not read: send JPEG, PNG or WebP'
  const compression = tags.get(tag.compression)?.[0] ?? 1
  if (!readCompressions.has(compression)) {
    const name = otherCompressions.get(compression) ?? `number ${compression}`
    return `the TIFF's compression, ${name}, is not read: write it with LZW or Deflate, or as PNG`
  }
  const offsets = tags.get(tag.tileOffsets) ?? tags.get(tag.stripOffsets) ?? []
  const sizes = tags.get(tag.tileBytes) ?? tags.get(tag.stripBytes) ?? []
  if (offsets.length === 0) return 'the TIFF says nowhere where its pixels are'
  // Without sizes libtiff takes them from the height; only the bytes of uncompressed ones can be told.
  const size = (index: number): number => (sizes.length === 0 ? 0 : (sizes[index] ?? 0))
  const missing = offsets.filter(
    (offset, index) => offset === 0 || offset + size(index) > length || (sizes.length > 0 && size(index) === 0),
  ).length
  if (missing > 0) return `the TIFF is cut: ${missing} of its ${offsets.length} parts lie beyond its last byte`
  if (compression !== 1 || tags.get(tag.photometric)?.[0] === yCbCr) return null
  const [width = 0, height = 0] = [tags.get(tag.width)?.[0], tags.get(tag.height)?.[0]]
  const [bits = 1, samples = 1] = [tags.get(tag.bits)?.[0], tags.get(tag.samples)?.[0]]
  const needed = Math.ceil((width * samples * bits) / 8) * height
  const there = sizes.length > 0 ? sizes.reduce((sum, one) => sum + one, 0) : length - Math.min(...offsets)
  return there < needed ? `the TIFF is cut: its pixels take ${needed} bytes, ${there} are there` : null
}

/** Bytes a value, by the type's number. */
const sizeOfType: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 }

const wanted: ReadonlySet<number> = new Set(Object.values(tag))

/** The tags that matter here, those of whole numbers; null where the directory is not in the file. */
function firstDirectory(bytes: Uint8Array): Tags | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isLittle = bytes[0] === 0x49
  try {
    const isBig = view.getUint16(2, isLittle) === 43
    const word = (at: number): number =>
      isBig ? Number(view.getBigUint64(at, isLittle)) : view.getUint32(at, isLittle)
    const start = word(isBig ? 8 : 4)
    const count = isBig ? word(start) : view.getUint16(start, isLittle)
    const [entry, inline] = isBig ? [20, 8] : [12, 4]
    const tags = new Map<number, readonly number[]>()
    for (let index = 0; index < count; index += 1) {
      const at = start + (isBig ? 8 : 2) + index * entry
      const [id, type] = [view.getUint16(at, isLittle), view.getUint16(at + 2, isLittle)]
      const [values, size] = [word(at + 4), sizeOfType[type]]
      if (!wanted.has(id) || size === undefined) continue
      const place = at + (isBig ? 12 : 8)
      const from = values * size <= inline ? place : word(place)
      // Before anything is allocated: what does not lie in the file is not read.
      if (from + values * size > bytes.length) return null
      tags.set(
        id,
        Array.from({ length: values }, (_, value) => read(view, from + value * size, size, isLittle)),
      )
    }
    return tags
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function read(view: DataView, at: number, size: number, isLittle: boolean): number {
  if (size === 1) return view.getUint8(at)
  if (size === 2) return view.getUint16(at, isLittle)
  return size === 4 ? view.getUint32(at, isLittle) : Number(view.getBigUint64(at, isLittle))
}
