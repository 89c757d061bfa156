/** A camera frame as published: the encoded picture is the message, everything else is optional. */
import type { Delivery, Publication } from '../bus/bus.ts'
import { positionText } from '../bus/position.ts'
import { SightlineError } from '../errors/errors.ts'
import { redriveOfHeader } from './dead-letter.ts'
import { frameId } from './ids.ts'

export interface Frame {
  readonly id: string
  readonly camera: string
  /** `ce_source` where given, else the frame's position in the log. */
  readonly source: string
  /** ms since the epoch: `ce_time` where given, else when the frame was published. */
  readonly capturedAt: number
  /** Where the frame was first published, as text; a redriven frame keeps it. */
  readonly position: string
  /** The publisher gave it a `ce_id`: published twice, it is the same frame. */
  readonly isNamed: boolean
  /** The encoded picture, untrusted. */
  readonly bytes: Uint8Array
}

/** The camera of frames published without a key. */
export const unnamedCamera = 'unnamed'

const maxNameLength = 512

/** Reads a delivery of the frames topic; throws MESSAGE_UNREADABLE for a tombstone or an over-long name. */
export function decodeFrame(delivery: Delivery): Frame {
  if (delivery.value === null) {
    throw new SightlineError('MESSAGE_UNREADABLE', 'a frame without a value: publish the encoded picture as the value')
  }
  const camera = delivery.key === '' ? unnamedCamera : delivery.key
  const cloudEventId = delivery.headers['ce_id']
  const position = delivery.headers[redriveOfHeader] ?? positionText(delivery)
  const source = delivery.headers['ce_source'] ?? position
  for (const [name, value] of Object.entries({ key: camera, ce_id: cloudEventId ?? '', ce_source: source, position })) {
    if (value.length > maxNameLength) {
      throw new SightlineError(
        'MESSAGE_UNREADABLE',
        `the frame's ${name} is ${value.length} characters long; at most ${maxNameLength} are allowed`,
      )
    }
  }
  const time = Date.parse(delivery.headers['ce_time'] ?? '')
  return {
    id: frameId(camera, position, cloudEventId),
    camera,
    source,
    capturedAt: Number.isNaN(time) ? delivery.timestamp : time,
    position,
    isNamed: cloudEventId !== undefined && cloudEventId !== '',
    bytes: delivery.value,
  }
}

/** The id of the frame in a delivery of the frames topic, also where the frame itself can't be read. */
export const frameIdOf = (delivery: Delivery): string =>
  frameId(
    delivery.key === '' ? unnamedCamera : delivery.key,
    delivery.headers[redriveOfHeader] ?? positionText(delivery),
    delivery.headers['ce_id'],
  )

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
