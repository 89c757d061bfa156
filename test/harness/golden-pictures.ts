/** The small pictures that test/golden/make_pictures.py made, with their right pixels, and the damage that cameras and lines do. */
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'

interface Golden {
  readonly formats: Readonly<Record<string, { file: string; width: number; height: number; pixels: string }>>
  readonly damaged: Readonly<Record<string, { file: string; pixels: Readonly<Record<string, string>> }>>
  readonly profiles: Readonly<Record<string, { profile: string; pixels: string }>> & { readonly chart: string }
}

export const golden = JSON.parse(readFileSync(new URL('../golden/pictures.json', import.meta.url), 'utf8')) as Golden

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64')
export const pixelsOf = (text: string): Buffer => inflateSync(bytesOf(text))

/** The headers of a JPEG, and the intervals of its scan with the restart marker before each; the first has none. */
export function intervalsOf(file: Buffer): { readonly head: Buffer; readonly intervals: readonly Buffer[] } {
  const start = scanStart(file)
  const intervals: Buffer[] = []
  let from = start
  for (let at = start; at < file.length - 1; at += 1) {
    if (file[at] === 0xff && file[at + 1]! >= 0xd0 && file[at + 1]! <= 0xd7) {
      intervals.push(file.subarray(from, at))
      from = at
    }
  }
  return { head: file.subarray(0, start), intervals: [...intervals, file.subarray(from)] }
}

/** Where the headers of a JPEG end and the first scan's data begins. */
export function scanStart(file: Buffer): number {
  let at = 2
  while (file[at + 1] !== 0xda) at += 2 + file.readUInt16BE(at + 2)
  return at + 2 + file.readUInt16BE(at + 2)
}

/** Changes each n-th interval but the last. */
export function changeEvery(file: Buffer, n: number, change: (interval: Buffer) => Buffer): Buffer {
  const { head, intervals } = intervalsOf(file)
  const last = intervals.length - 1
  return Buffer.concat([head, ...intervals.map((one, at) => (at % n === n - 1 && at < last ? change(one) : one))])
}
