/** A camera frame as published: the encoded picture is the message, everything else is optional. */
import type { Delivery } from '../bus/bus.ts'
import { SightlineError } from '../service/errors.ts'
import { frameId, positionText } from './ids.ts'

export interface Frame {
  readonly id: string
  readonly camera: string
  /** `ce_source` where given, else the frame's position in the log. */
  readonly source: string
  /** ms since the epoch: `ce_time` where given, else when the frame was published. */
  readonly capturedAt: number
  /** Where the frame lies in the log, as text. */
  readonly position: string
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
  const source = delivery.headers['ce_source'] ?? positionText(delivery)
  for (const [name, value] of Object.entries({ key: camera, ce_id: cloudEventId ?? '', ce_source: source })) {
    if (value.length > maxNameLength) {
      throw new SightlineError(
        'MESSAGE_UNREADABLE',
        `the frame's ${name} is ${value.length} characters long; at most ${maxNameLength} are allowed`,
      )
    }
  }
  const time = Date.parse(delivery.headers['ce_time'] ?? '')
  return {
    id: frameId(camera, delivery, cloudEventId),
    camera,
    source,
    capturedAt: Number.isNaN(time) ? delivery.timestamp : time,
    position: positionText(delivery),
    bytes: delivery.value,
  }
}
