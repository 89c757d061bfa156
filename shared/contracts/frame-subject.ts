/** What the runner of the stages has to know of messages that are about one frame each. */
import type { Delivery, Headers } from '../bus/bus.ts'
import { positionText } from '../bus/position.ts'
import { frameIdHeader } from './dead-letter.ts'
import type { FrameInfo } from './messages.ts'

export const frameSubjectName = 'frame'

export const frameHeaders = (id: string): Headers => ({ [frameIdHeader]: id })

/** The frame id that the stage before put into a message's headers; its position where it did not. */
export const carriedFrameId = (delivery: Delivery): string => delivery.headers[frameIdHeader] ?? positionText(delivery)

/** Of stages that hand on messages about frames. */
export const frameSubject = (id: (delivery: Delivery) => string = carriedFrameId) => ({
  name: frameSubjectName,
  id,
  headers: frameHeaders,
  skipped: ({ frame }: { readonly frame: FrameInfo }): string | null => frame.skipped,
  since: ({ frame }: { readonly frame: FrameInfo }): number => frame.capturedAt,
})
