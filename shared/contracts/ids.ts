/** Derived ids: the same frame always gets the same id, so that redelivery and replay overwrite instead of doubling. */

/**
 * A frame's id: `camera:ce_id` where the publisher named the frame, else `camera@topic-partition-offset`.
 * The separators differ, so that a chosen id can't be taken for a position.
 */
export function frameId(camera: string, position: string, cloudEventId: string | undefined): string {
  return cloudEventId === undefined || cloudEventId === '' ? `${camera}@${position}` : `${camera}:${cloudEventId}`
}
