/** Reads through a damaged JPEG as libjpeg does, without computing a pixel, and tells what share of the picture its bytes hold. */
import { tooManyPixels, unreadable } from './image-errors.ts'
import { JpegBits, nextMarker } from './jpeg-bits.ts'
import { blockReader, type ScanCoding } from './jpeg-blocks.ts'
import { type HuffmanTables, readHuffmanTables, standardTables, unfold } from './jpeg-huffman.ts'

interface Component {
  readonly id: number
  readonly h: number
  readonly v: number
  /** For each coefficient, 1 where a scan has brought its last bit. */
  readonly coefficients: Uint8Array
  /** Of a progressive picture, which coefficients are not zero: 64 bits a block. */
  nonZero: Uint32Array
}

interface Frame {
  readonly isProgressive: boolean
  readonly width: number
  readonly height: number
  readonly components: readonly Component[]
}

interface ScanComponent {
  readonly component: Component
  readonly dc: number
  readonly ac: number
}

const marker = { rst0: 0xd0, soi: 0xd8, eoi: 0xd9, sos: 0xda, dht: 0xc4, dri: 0xdd } as const
const mostScans = 100

/**
 * The share of the picture, 0 to 1, whose bytes are missing: a decoder fills it with grey, or blurs it. Throws
 * IMAGE_UNREADABLE where it is no JPEG that decoders here know, IMAGE_TOO_LARGE beyond that many pixels.
 */
export function missingShareOf(bytes: Uint8Array, maxPixels: number): number {
  const tables: HuffmanTables = new Map(standardTables)
  let frame: Frame | null = null
  let [restartInterval, scans, missing] = [0, 0, 0]
  for (let { code, next } = nextMarker(bytes, 2); code !== marker.eoi; ) {
    let after = next
    if (code < marker.rst0 || code > marker.soi) {
      const length = ((bytes[next] ?? 0) << 8) | (bytes[next + 1] ?? 0)
      if (next + length > bytes.length) break
      after = next + Math.max(length, 2)
      const segment = bytes.subarray(next + 2, after)
      if (code === marker.dht) readHuffmanTables(segment, tables)
      if (code === marker.dri) restartInterval = ((segment[0] ?? 0) << 8) | (segment[1] ?? 0)
      if (isFrameHeader(code) && frame === null) {
        frame = readFrame(code, segment, maxPixels)
      }
      if (code === marker.sos && frame !== null) {
        scans += 1
        if (scans > mostScans) throw unreadable(`the JPEG has more than ${mostScans} scans`)
        const walked = walk(bytes, after, segment, frame, tables, restartInterval)
        missing = Math.max(missing, walked.missing)
        after = walked.end
      }
    }
    ;({ code, next } = nextMarker(bytes, after))
  }
  if (frame === null) throw unreadable('the JPEG is cut: it has no frame header')
  const isAllThere = frame.components.every(({ coefficients }) => coefficients.every((is) => is === 1))
  return isAllThere ? missing : 1
}

const isFrameHeader = (code: number): boolean =>
  code >= 0xc0 && code <= 0xcf && code !== marker.dht && code !== 0xc8 && code !== 0xcc

function readFrame(code: number, segment: Uint8Array, maxPixels: number): Frame {
  if (code >= 0xc9) throw unreadable('a damaged JPEG with arithmetic coding is not read')
  if (code === 0xc3) throw unreadable('a lossless JPEG is not read')
  if (code > 0xc3) throw unreadable('a hierarchical JPEG is not read')
  const [precision = 0, y1 = 0, y0 = 0, x1 = 0, x0 = 0, count = 0] = segment
  if (precision !== 8) throw unreadable(`a JPEG of ${precision} bits a sample is not read`)
  const [width, height] = [(x1 << 8) | x0, (y1 << 8) | y0]
  if (width * height > maxPixels) throw tooManyPixels(width, height, { maxPixels })
  const components = Array.from({ length: count }, (_, index): Component => {
    const [id = 0, sampling = 0] = segment.subarray(6 + index * 3)
    return { id, h: sampling >> 4, v: sampling & 15, coefficients: new Uint8Array(64), nonZero: new Uint32Array() }
  })
  const isSound = count <= 4 && components.every(({ h, v }) => h >= 1 && h <= 4 && v >= 1 && v <= 4)
  if (!isSound || width * height * count === 0) throw unreadable("the JPEG's frame header is damaged")
  return { isProgressive: code === 0xc2, width, height, components }
}

function componentsOf(segment: Uint8Array, frame: Frame): readonly ScanComponent[] {
  return Array.from({ length: segment[0] ?? 0 }, (_, index) => {
    const [id, selectors = 0] = segment.subarray(1 + index * 2)
    const component = frame.components.find((one) => one.id === id)
    return component === undefined ? [] : [{ component, dc: selectors >> 4, ac: selectors & 15 }]
  }).flat()
}

/** Longer than any run of zeros that a picture codes to, unless "end of block" is coded as zeros. */
const hole = Buffer.alloc(512)

/**
 * Whether zeros stand where data was, as in a file that was not written to its end: libjpeg takes them for data. Where zeros
 * code flat blocks, as in flat pictures with tables of their own, they are data.
 */
export function hasHole(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tables: HuffmanTables = new Map()
  let [at, components] = [2, 0]
  while (buffer[at] === 0xff && buffer[at + 1] !== marker.sos && at + 4 <= buffer.length) {
    const [code, next] = [buffer[at + 1]!, at + 2 + buffer.readUInt16BE(at + 2)]
    if (code === marker.dht) readHuffmanTables(buffer.subarray(at + 4, next), tables)
    if (code === 0xc0 || code === 0xc1) components = buffer[at + 9] ?? 0
    at = next
  }
  const found = buffer.indexOf(hole, at)
  // Zeros behind the end are padding.
  const end = buffer.lastIndexOf(endMarker)
  if (found === -1 || (end >= at && found >= end)) return false
  const isOneScan = components > 0 && buffer[at + 4] === components
  const ac = [...tables].flatMap(([id, { symbols }]) => (id < 16 ? [] : [symbols[0]]))
  return !(isOneScan && ac.length > 0 && ac.every((first) => first === 0))
}

const endMarker = Buffer.from([0xff, marker.eoi])

/** Walks one scan: what share of its blocks is missing, and where it ends. */
function walk(
  bytes: Uint8Array,
  start: number,
  segment: Uint8Array,
  frame: Frame,
  tables: HuffmanTables,
  restartInterval: number,
): { readonly missing: number; readonly end: number } {
  const scan = componentsOf(segment, frame)
  const coding = codingOf(segment, frame)
  const isSingle = scan.length === 1
  const [one] = scan
  if (one === undefined || scan.length > 4 || coding.last > 63 || (coding.first > 0 && !isSingle)) {
    return { missing: 1, end: start }
  }
  const [hMax, vMax] = [largest(frame, 'h'), largest(frame, 'v')]
  const across = Math.ceil(isSingle ? Math.ceil((frame.width * one.component.h) / hMax) / 8 : frame.width / (8 * hMax))
  const down = Math.ceil(isSingle ? Math.ceil((frame.height * one.component.v) / vMax) / 8 : frame.height / (8 * vMax))
  const unit = scan.flatMap(({ component, dc, ac }) => {
    const unfolded = { dc: unfold(tables.get(dc)), ac: unfold(tables.get(16 | ac)) }
    return Array.from({ length: isSingle ? 1 : component.h * component.v }, () => unfolded)
  })
  if (coding.first > 0 && one.component.nonZero.length === 0) {
    one.component.nonZero = new Uint32Array(across * down * 2)
  }

  const codesZeros = frame.isProgressive || unit.every(({ ac }) => (ac[0]! & 0xff) === 0)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const bits = new JpegBits(bytes, start, codesZeros ? -1 : buffer.indexOf(hole, start))
  const blocks = blockReader(bits, coding, one.component.nonZero)
  const units = across * down
  let whole = 0
  for (let done = 0; done < units; ) {
    const end = Math.min(restartInterval === 0 ? units : done + restartInterval, units)
    for (let index = done; index < end && !bits.isOver; index += 1) {
      for (const unfolded of unit) blocks.read(index, unfolded)
      if (!bits.isOver) whole += 1
    }
    done = end
    if (done === units || !bits.restart()) break
    blocks.restart()
  }
  return { missing: 1 - whole / units, end: bits.end }
}

const largest = ({ components }: Frame, axis: 'h' | 'v'): number =>
  Math.max(...components.map((component) => component[axis]))

/** Which coefficients the scan brings; those whose last bit it brings are noted. */
function codingOf(segment: Uint8Array, frame: Frame): ScanCoding {
  const [from = 0, to = 0, approximation = 0] = segment.subarray(1 + (segment[0] ?? 0) * 2)
  const [first, last] = frame.isProgressive ? [from, to] : [0, 63]
  if (!frame.isProgressive || (approximation & 15) === 0) {
    for (const { component } of componentsOf(segment, frame)) component.coefficients.fill(1, first, last + 1)
  }
  return { isProgressive: frame.isProgressive, first, last, isRefinement: approximation >> 4 !== 0 }
}
