/** Derived ids: the same frame always gets the same id, so that redelivery and replay overwrite instead of doubling; no two frames get one. */

/** The camera of frames published without a key. */
export const unnamedCamera = 'unnamed'

/**
 * A frame's id: `camera:ce_id` where the publisher named the frame, else `camera@topic-partition-offset`.
 *
 * The first `:` or `@` ends the camera, so it may have none: in the camera they are `%3A` and `%40`, and a `%` that could be
 * taken for such a one is `%25`. A camera that is really called as those without a key are is `%75nnamed`.
 *
 * @param key of the message, which names the camera; empty where there is none
 */
export function frameId(key: string, position: string, cloudEventId: string | undefined): string {
  const camera = key === '' ? unnamedCamera : key === unnamedCamera ? `%75${key.slice(1)}` : escaped(key)
  return cloudEventId === undefined || cloudEventId === '' ? `${camera}@${position}` : `${camera}:${cloudEventId}`
}

const escaped = (key: string): string => key.replaceAll(/[:@]|%(?=[0-9A-Fa-f]{2})/g, encodeURIComponent)
