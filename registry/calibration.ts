/** Calibration pictures for the quantizer: decoded, at the network's size, one after another in one file. */
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { toNetworkSize } from '@sightline/detector/placement.ts'
import { readPicture } from '@sightline/pipeline/pictures.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { cutCrop } from '@sightline/shared/imaging/crop.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import { wholeRect } from '@sightline/shared/imaging/rows.ts'
import type { ModelManifest } from '@sightline/shared/inference/model-manifest.ts'
import { diskError } from './disk.ts'
import { writeJson } from './write-json.ts'

/** More change the ranges little. */
const mostPictures = 256

export interface Calibration {
  /** The JSON file that convert.py takes. */
  readonly path: string
  readonly pictures: number
}

/** Writes up to 256 of the pictures, evenly spread, into `folder` as the pipeline would feed them. */
export async function writeCalibration(
  files: readonly string[],
  manifest: ModelManifest,
  folder: string,
  stop: AbortSignal,
): Promise<Calibration> {
  const rgb = join(folder, 'calibration.rgb')
  const chosen = spread(files, mostPictures)
  const { width, height, interpolation } = manifest.input
  const kernels = new Kernels()
  const resize = (picture: Pixels): Uint8Array =>
    manifest.task === 'embedder'
      ? cutCrop(kernels, { picture, rect: wholeRect(picture), width, height, interpolation })
      : toNetworkSize(kernels, picture, manifest.input)
  try {
    await using out = await open(rgb, 'w')
    for (const file of chosen) {
      if (stop.aborted) throw new SightlineError('MODEL_CONVERSION', 'quantizing was stopped')
      await out.writeFile(resize(await readPicture(file)))
    }
  } catch (error) {
    throw diskError(error, rgb) ?? error
  }
  const path = join(folder, 'calibration.json')
  await writeJson(path, { pictures: basename(rgb), count: chosen.length, input: manifest.input })
  return { path, pictures: chosen.length }
}

/** Up to `most` of a list, evenly spread over it. */
export function spread<T>(list: readonly T[], most: number): readonly T[] {
  const count = Math.min(list.length, most)
  return Array.from({ length: count }, (_, index) => list[Math.floor((index * list.length) / count)]!)
}
