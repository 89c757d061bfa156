/** Makes the boxes of a frame fit one message: smaller crops first, then the best boxes alone. Pure. */
import { textBytes } from '@sightline/shared/bus/byte-text.ts'
import type { Frame } from '@sightline/shared/contracts/frame.ts'
import { bytesPerPixel, type CropCodec, type TravellingCrop } from '@sightline/shared/imaging/crop-codec.ts'
import type { Size } from './detected-box.ts'

/** Of what the runner adds, of models and timings. */
const fixedBytes = 8 * 1024
/** Of a box, and of what stands before it and its crop. */
const boxBytes = 64

/** What of a frame's message is no detection: its names, each in the message and its key or headers. */
export const bytesBeside = ({ id, camera, source }: Pick<Frame, 'id' | 'camera' | 'source'>): number =>
  fixedBytes + 2 * (textBytes(id) + textBytes(camera) + textBytes(source))

/** Crops together may have this many pixels, however small the frame. */
const alwaysPixels = 2 ** 20

/** Boxes overlap: those of a full shelf have a third more pixels than the frame. */
const mostOfFrame = 1.5

/** Most pixels of all crops: no more than the message has room for, and hardly more than the frame itself has. */
export const cropPixelsFor = ({ width, height }: Size, bytes: number, codec: CropCodec): number =>
  Math.max(Math.min(Math.max(mostOfFrame * width * height, alwaysPixels), Math.floor(bytes / bytesPerPixel(codec))), 0)

/** How many of the crops, from the first on, fit in `bytes` with their boxes. */
export function fitting(crops: readonly TravellingCrop[], bytes: number): number {
  let left = bytes
  const over = crops.findIndex(({ crop }) => {
    left -= crop.length + boxBytes
    return left < 0
  })
  return over < 0 ? crops.length : over
}
