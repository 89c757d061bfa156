/**
 * The inner loops over pixels, in AssemblyScript for WebAssembly's SIMD: `npm run generate` makes kernels.wasm of it, which is
 * committed. Nothing is allocated here: every address is the caller's, and what lies 16 bytes behind a row is read and thrown away.
 */

/** i8x16.swizzle makes 0 of a lane with this index. */
const none: u8 = 0x80

// The bytes of two neighbours in pairs, as int16: r0 r1 g0 g1 b0 b1. Read from memory once a row: V8 builds a constant anew for each pixel.
const firstPair = memory.data<u8>([0, none, 3, none, 1, none, 4, none, 2, none, 5, none, none, none, none, none], 16)
const secondPair = memory.data<u8>([6, none, 9, none, 7, none, 10, none, 8, none, 11, none, none, none, none, none], 16)

/** The first bytes of the memory are nobody's: a vector that is wider than its row goes here first. */
const spill: usize = 0

/** Where the memory is the caller's from. */
export function firstAddress(): usize {
  return __heap_base
}

/** Repeats a row's first pixel `before` times in front of it, and its last one `after` times behind. */
export function repeatEnds(row: usize, pixels: i32, before: i32, after: i32): void {
  const last = row + (pixels - 1) * 3
  for (let index = 1; index <= before; index += 1) copyPixel(row, row - index * 3)
  for (let index = 1; index <= after; index += 1) copyPixel(last, last + index * 3)
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function copyPixel(from: usize, to: usize): void {
  store<u8>(to, load<u8>(from))
  store<u8>(to, load<u8>(from, 1), 1)
  store<u8>(to, load<u8>(from, 2), 2)
}

/**
 * A row at its new width between two neighbours: `line` gets 3 int16 a pixel, in 1 / 128.
 * A column: the byte offset of its first pixel (int32), two weights in 1 / 2048 (int16).
 */
export function linearRow(row: usize, columns: usize, width: i32, line: usize): void {
  const pairs = v128.load(firstPair)
  for (const end = columns + width * 8; columns < end; columns += 8) {
    const pixels = i8x16.swizzle(v128.load64_zero(row + load<i32>(columns)), pairs)
    const sums = i32x4.shr_s(i32x4.dot_i16x8_s(pixels, v128.load32_splat(columns, 4)), 4)
    v128.store64_lane(line, i16x8.narrow_i32x4_s(sums, sums), 0)
    line += 6
  }
}

/**
 * As `linearRow`, between four neighbours: `line` gets 3 int32 a pixel, in 1 / 2048.
 * A column: the byte offset of its first pixel (int32), four weights in 1 / 2048 (int16).
 */
export function cubicRow(row: usize, columns: usize, width: i32, line: usize): void {
  const first = v128.load(firstPair)
  const second = v128.load(secondPair)
  for (const end = columns + width * 12; columns < end; columns += 12) {
    const pixels = v128.load(row + load<i32>(columns))
    const sums = i32x4.add(
      i32x4.dot_i16x8_s(i8x16.swizzle(pixels, first), v128.load32_splat(columns, 4)),
      i32x4.dot_i16x8_s(i8x16.swizzle(pixels, second), v128.load32_splat(columns, 8)),
    )
    v128.store(line, sums)
    line += 12
  }
}

/** Two lines of `linearRow` by their weights in 1 / 2048 as `count` bytes; low bits are dropped in OpenCV's order. */
export function blendLinear(a: usize, b: usize, wa: i32, wb: i32, to: usize, count: i32): void {
  const weightA = i32x4.splat(wa)
  const weightB = i32x4.splat(wb)
  const bytes = count as usize
  let at: usize = 0
  for (; at + 16 <= bytes; at += 16) v128.store(to + at, linearBytes(a + at * 2, b + at * 2, weightA, weightB))
  if (at === bytes) return
  if (bytes >= 16) {
    at = bytes - 16
    v128.store(to + at, linearBytes(a + at * 2, b + at * 2, weightA, weightB))
  } else {
    v128.store(spill, linearBytes(a, b, weightA, weightB))
    memory.copy(to, spill, bytes)
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function linearBytes(a: usize, b: usize, weightA: v128, weightB: v128): v128 {
  const words0 = i16x8.narrow_i32x4_s(linearSums(a, b, weightA, weightB), linearSums(a + 8, b + 8, weightA, weightB))
  const words1 = i16x8.narrow_i32x4_s(
    linearSums(a + 16, b + 16, weightA, weightB),
    linearSums(a + 24, b + 24, weightA, weightB),
  )
  return i8x16.narrow_i16x8_u(i16x8.shr_s(words0, 2), i16x8.shr_s(words1, 2))
}

/** Lines are never negative: the upper half of an extended one is 0, and the dot product is the product. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function linearSums(a: usize, b: usize, weightA: v128, weightB: v128): v128 {
  const productA = i32x4.shr_s(i32x4.dot_i16x8_s(v128.load16x4_u(a), weightA), 16)
  const productB = i32x4.shr_s(i32x4.dot_i16x8_s(v128.load16x4_u(b), weightB), 16)
  return i32x4.add(i32x4.add(productA, productB), i32x4.splat(2))
}

/** Four lines of `cubicRow` by their weights in 1 / 2048 as `count` bytes, to the nearest. */
export function blendCubic(
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  wa: i32,
  wb: i32,
  wc: i32,
  wd: i32,
  to: usize,
  count: i32,
): void {
  const weightA = i32x4.splat(wa)
  const weightB = i32x4.splat(wb)
  const weightC = i32x4.splat(wc)
  const weightD = i32x4.splat(wd)
  const bytes = count as usize
  let at: usize = 0
  for (; at + 16 <= bytes; at += 16) {
    v128.store(to + at, cubicBytes(a + at * 4, b + at * 4, c + at * 4, d + at * 4, weightA, weightB, weightC, weightD))
  }
  if (at === bytes) return
  if (bytes >= 16) {
    at = bytes - 16
    v128.store(to + at, cubicBytes(a + at * 4, b + at * 4, c + at * 4, d + at * 4, weightA, weightB, weightC, weightD))
  } else {
    v128.store(spill, cubicBytes(a, b, c, d, weightA, weightB, weightC, weightD))
    memory.copy(to, spill, bytes)
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function cubicBytes(a: usize, b: usize, c: usize, d: usize, wa: v128, wb: v128, wc: v128, wd: v128): v128 {
  const words0 = i16x8.narrow_i32x4_s(
    cubicSums(a, b, c, d, wa, wb, wc, wd),
    cubicSums(a + 16, b + 16, c + 16, d + 16, wa, wb, wc, wd),
  )
  const words1 = i16x8.narrow_i32x4_s(
    cubicSums(a + 32, b + 32, c + 32, d + 32, wa, wb, wc, wd),
    cubicSums(a + 48, b + 48, c + 48, d + 48, wa, wb, wc, wd),
  )
  return i8x16.narrow_i16x8_u(words0, words1)
}

/** The product of both passes' weights is 2 ^ 22. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function cubicSums(a: usize, b: usize, c: usize, d: usize, wa: v128, wb: v128, wc: v128, wd: v128): v128 {
  const upper = i32x4.add(i32x4.mul(v128.load(a), wa), i32x4.mul(v128.load(b), wb))
  const lower = i32x4.add(i32x4.mul(v128.load(c), wc), i32x4.mul(v128.load(d), wd))
  return i32x4.shr_s(i32x4.add(i32x4.add(upper, lower), i32x4.splat(1 << 21)), 22)
}

/**
 * Four rows of `count` bytes by their shares in 1 / 65536, each below a half, added to `sums` (int32).
 * Shares come in pairs, as int16: `ab` has that of `a` in its lower half.
 */
export function addRows(a: usize, b: usize, c: usize, d: usize, ab: i32, cd: i32, sums: usize, count: i32): void {
  const sharesAb = i32x4.splat(ab)
  const sharesCd = i32x4.splat(cd)
  for (const end = a + count; a < end; a += 16) {
    const rowA = v128.load(a)
    const rowB = v128.load(b)
    const rowC = v128.load(c)
    const rowD = v128.load(d)
    const lowAb = i8x16.shuffle(rowA, rowB, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
    const lowCd = i8x16.shuffle(rowC, rowD, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
    const highAb = i8x16.shuffle(rowA, rowB, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
    const highCd = i8x16.shuffle(rowC, rowD, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
    addTo(sums, i16x8.extend_low_i8x16_u(lowAb), i16x8.extend_low_i8x16_u(lowCd), sharesAb, sharesCd)
    addTo(sums + 16, i16x8.extend_high_i8x16_u(lowAb), i16x8.extend_high_i8x16_u(lowCd), sharesAb, sharesCd)
    addTo(sums + 32, i16x8.extend_low_i8x16_u(highAb), i16x8.extend_low_i8x16_u(highCd), sharesAb, sharesCd)
    addTo(sums + 48, i16x8.extend_high_i8x16_u(highAb), i16x8.extend_high_i8x16_u(highCd), sharesAb, sharesCd)
    b += 16
    c += 16
    d += 16
    sums += 64
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function addTo(sums: usize, ab: v128, cd: v128, sharesAb: v128, sharesCd: v128): void {
  const sum = i32x4.add(i32x4.dot_i16x8_s(ab, sharesAb), i32x4.dot_i16x8_s(cd, sharesCd))
  v128.store(sums, i32x4.add(v128.load(sums), sum))
}

/**
 * The means of `addRows`' sums over columns, to the nearest byte; 
 * A column: the byte offset of its first sum, how many pixels it is of (int32 each), and the share of each in 1 / 65536 (int32).
 */
export function averageColumns(sums: usize, columns: usize, width: i32, to: usize): void {
  const half = i64x2.splat(0x80000000)
  for (const end = to + width * 3; to < end; to += 3) {
    let from = sums + load<i32>(columns)
    let redGreen = half
    let blue = half
    const last = columns + 8 + load<i32>(columns, 4) * 4
    for (columns += 8; columns < last; columns += 4) {
      const pixel = v128.load(from)
      const share = v128.load32_splat(columns)
      redGreen = i64x2.add(redGreen, i64x2.extmul_low_i32x4_s(pixel, share))
      blue = i64x2.add(blue, i64x2.extmul_high_i32x4_s(pixel, share))
      from += 12
    }
    store<u8>(to, i32x4.extract_lane(redGreen, 1))
    store<u8>(to, i32x4.extract_lane(redGreen, 3), 1)
    store<u8>(to, i32x4.extract_lane(blue, 1), 2)
  }
}

/**
 * Writes `width` pixels as float32, by a table of 256 values for each channel. `red`, `green` and `blue` are where the first
 * pixel's go, `step` bytes before the next one's: so a tensor has any layout and order of channels.
 */
export function writeRow(
  row: usize,
  width: i32,
  table: usize,
  red: usize,
  green: usize,
  blue: usize,
  step: usize,
): void {
  for (const end = row + width * 3; row < end; row += 3) {
    store<f32>(red, load<f32>(table + ((load<u8>(row) as usize) << 2)))
    store<f32>(green, load<f32>(table + ((load<u8>(row, 1) as usize) << 2), 1024))
    store<f32>(blue, load<f32>(table + ((load<u8>(row, 2) as usize) << 2), 2048))
    red += step
    green += step
    blue += step
  }
}
