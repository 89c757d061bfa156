/** A camera frame as published: the encoded picture is the message, everything else is optional. */
import type { Delivery, Publication } from '../bus/bus.ts'
import { isPosition, positionText } from '../bus/position.ts'
import { SightlineError } from '../errors/errors.ts'
import { redriveOfHeader } from './dead-letter.ts'
import { frameId, unnamedCamera } from './ids.ts'

export interface Frame {
  readonly id: string
  readonly camera: string
  /** `ce_source` where given, else the frame's position in the log. */
  readonly source: string
  /** ms since the epoch: `ce_time` where given and possible, else when the frame was published. */
  readonly capturedAt: number
  /** The time that the frame came with and that can't be, as text for people; null where there is none such. */
  readonly oddTime: string | null
  /** Where the frame was first published, as text; a redriven frame keeps it. */
  readonly position: string
  /** The publisher gave it a `ce_id`: published twice, it is the same frame. */
  readonly isNamed: boolean
  /** The encoded picture, untrusted. */
  readonly bytes: Uint8Array
}

const maxNameLength = 512

/** A time before this one is that of a clock that was never set: those start in 1970, 1980 or 2000. */
const firstTime = Date.UTC(2001, 0, 1)
/** Clocks differ by seconds. No frame was captured later than this after it was published, or published after it is read. */
const maxAheadMs = 5 * 60_000

/**
 * Reads a delivery of the frames topic.
 *
 * @param now ms since the epoch: the frame's time where the message has none that can be
 * @throws MESSAGE_UNREADABLE for a tombstone, an over-long name, and what is not all there
 */
export function decodeFrame(delivery: Delivery, now = Date.now()): Frame {
  if (delivery.unreadable !== undefined) throw new SightlineError('MESSAGE_UNREADABLE', delivery.unreadable)
  if (delivery.value === null) {
    throw new SightlineError('MESSAGE_UNREADABLE', 'a frame without a value: publish the encoded picture as the value')
  }
  const camera = delivery.key || unnamedCamera
  const cloudEventId = delivery.headers['ce_id'] ?? ''
  const position = firstPosition(delivery)
  const source = delivery.headers['ce_source'] || position
  for (const [name, value] of Object.entries({ key: camera, ce_id: cloudEventId, ce_source: source })) {
    if (value.length > maxNameLength) {
      throw new SightlineError(
        'MESSAGE_UNREADABLE',
        `the frame's ${name} is ${value.length} characters long; at most ${maxNameLength} are allowed`,
      )
    }
  }
  return {
    id: frameIdOf(delivery),
    camera,
    source,
    ...captureTime(delivery, now),
    position,
    isNamed: cloudEventId !== '',
    bytes: delivery.value,
  }
}

/** The id of the frame in a delivery of the frames topic, also where the frame itself can't be read. */
export const frameIdOf = (delivery: Delivery): string =>
  frameId(delivery.key, firstPosition(delivery), delivery.headers['ce_id'])

/** Where a redriven frame lay first; whatever else the header may say counts for nothing. */
function firstPosition(delivery: Delivery): string {
  const redriveOf = delivery.headers[redriveOfHeader] ?? ''
  return isPosition(redriveOf) ? redriveOf : positionText(delivery)
}

/**
 * `ce_time` where it can be; else the message's own time, which its publisher or the broker gave it; else now. An age in
 * years would hide every true one in the metrics, and a frame of tomorrow would never be stale.
 */
function captureTime({ headers, timestamp }: Delivery, now: number): Pick<Frame, 'capturedAt' | 'oddTime'> {
  const isPossible = (time: number, latest: number): boolean => time >= firstTime && time <= latest + maxAheadMs
  const isDated = isPossible(timestamp, now)
  const published = isDated ? timestamp : now
  const text = headers['ce_time'] ?? ''
  const captured = parseTime(text)
  if (text !== '' && !isPossible(captured, published)) {
    return { capturedAt: published, oddTime: `ce_time '${text.slice(0, 64)}'` }
  }
  const oddTime = isDated ? null : `message timestamp ${timestamp} ms`
  return text === '' ? { capturedAt: published, oddTime } : { capturedAt: captured, oddTime: null }
}

const rfc3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,12})?)?) ?(?:([Zz])|([+-]\d{2}):?(\d{2}))?$/

/** NaN for what is no time. One without a zone, as some clients write, is in UTC. */
function parseTime(text: string): number {
  const [, date, time = '', , hours, minutes] = rfc3339.exec(text) ?? []
  if (date === undefined) return Number.NaN
  return Date.parse(`${date}T${time.replace(',', '.')}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`)
}

export interface FrameToPublish {
  readonly camera: string
  /** The encoded picture. */
  readonly bytes: Uint8Array
  /** Names the frame; the same camera and id published twice is the same frame. */
  readonly id?: string
  readonly source?: string
  readonly capturedAt?: Date
}

/** A frame as a message of `topic`; nothing but the key and the bytes is needed. */
export function encodeFrame(topic: string, frame: FrameToPublish): Publication {
  const headers: Record<string, string> = {}
  if (frame.id !== undefined) headers['ce_id'] = frame.id
  if (frame.source !== undefined) headers['ce_source'] = frame.source
  if (frame.capturedAt !== undefined) headers['ce_time'] = frame.capturedAt.toISOString()
  return { topic, key: frame.camera, value: frame.bytes, headers }
}
