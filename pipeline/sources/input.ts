/** The pictures of standard input: JPEGs one behind the other, or one picture of any kind; what is neither is refused at its beginning. */
import type { Readable } from 'node:stream'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import { pictureKindOf } from '@sightline/shared/imaging/picture-kinds.ts'
import type { Losses } from './losses.ts'
import { JpegSplitter } from './split-jpegs.ts'

/** Enough to tell kinds of pictures apart. */
const headBytes = 64
/** A stream of JPEGs has text in front of its first one, or is joined in the midst of one, but no further than so. */
const mostText = 2048
const mostBefore = 1024 * 1024
/** Without a picture for so long, it is told. */
const noticedGap = 16 * 1024 * 1024

/** Ends with the stream or when `stop` aborts, which does not wait for more to come. Throws IMAGE_*. */
export async function* fromInput(input: Readable, stop: AbortSignal, losses: Losses): AsyncGenerator<Uint8Array> {
  const end = (): unknown => input.destroy()
  stop.addEventListener('abort', end, { once: true })
  try {
    if (!stop.aborted) yield* picturesOf(input, losses)
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    stop.removeEventListener('abort', end)
  }
}

async function* picturesOf(input: AsyncIterable<Uint8Array>, losses: Losses): AsyncGenerator<Uint8Array> {
  const chunks = input[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (head.length < headBytes) {
    const next = await chunks.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  if (head.length === 0) throw new SightlineError('IMAGE_EMPTY', 'standard input is empty')
  const whole = (async function* () {
    yield head
    yield* { [Symbol.asyncIterator]: () => chunks }
  })()
  const kind = pictureKindOf(head)
  if (kind?.reader === 'none') throw noStream(`it is ${kind.name}`)
  if (kind !== null && kind.name !== 'JPEG') yield await gathered(whole)
  else yield* jpegsIn(whole, losses)
}

async function* jpegsIn(stream: AsyncIterable<Uint8Array>, losses: Losses): AsyncGenerator<Uint8Array> {
  const splitter = new JpegSplitter()
  let found = 0
  let text = 0
  let isAllText = true
  let skippedBefore = 0
  let isGapTold = false
  try {
    for await (const chunk of stream) {
      for (const picture of splitter.push(chunk)) {
        found += 1
        skippedBefore = splitter.skippedBytes
        yield picture
      }
      if (found === 0) {
        isAllText &&= isText(chunk)
        text += isAllText ? chunk.length : 0
        if (isAllText && text > mostText) throw noStream('it is text')
        if (splitter.skippedBytes > mostBefore) throw noStream('there is none in its first MiB')
      } else if (splitter.skippedBytes - skippedBefore > noticedGap && !isGapTold) {
        isGapTold = true
        losses.tell(`stdin: no picture in the last ${noticedGap / 1024 / 1024} MiB; still looking for the next one`)
      }
    }
    const { pictures, tail } = splitter.end()
    found += pictures.length
    yield* pictures
    if (found === 0) {
      if (tail === null) throw noStream('there is no whole one in it')
      // One picture, all there but for its end marker: whether it can be read, its decoder knows.
      yield tail
    }
  } finally {
    if (found > 0) tellSkipped(splitter, losses)
  }
}

function tellSkipped({ skippedBytes, damaged }: JpegSplitter, losses: Losses): void {
  if (skippedBytes === 0) return
  losses.count({ skippedBytes, damaged })
  const damage = damaged === 0 ? '' : `, among them ${damaged} damaged picture${damaged === 1 ? '' : 's'}`
  losses.tell(`stdin: passed over ${skippedBytes} bytes that belong to no whole picture${damage}`)
}

async function gathered(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of stream) {
    parts.push(part)
    bytes += part.length
    if (bytes > defaultImageLimits.maxBytes) {
      throw new SightlineError(
        'IMAGE_TOO_LARGE',
        `standard input is one picture of more than ${defaultImageLimits.maxBytes} bytes`,
      )
    }
  }
  return Buffer.concat(parts)
}

const isText = (chunk: Uint8Array): boolean =>
  chunk.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))

const noStream = (why: string): SightlineError =>
  new SightlineError('IMAGE_UNREADABLE', `standard input is neither a picture nor a stream of JPEG pictures: ${why}`)
