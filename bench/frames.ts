/** The frames that benchmarks play: the pictures of a folder, or made-up ones of the same kind as a camera's. */
import { readFile } from 'node:fs/promises'
import { picturesIn } from '../pipeline/pictures.ts'
import { product } from '../test/harness/pictures.ts'

const madeUp = 24

/** Encoded pictures; without a folder 1280 x 960 JPEGs with one product each. */
export async function sampleFrames(folder: string | undefined): Promise<readonly Uint8Array[]> {
  if (folder === undefined) {
    return Promise.all(Array.from({ length: madeUp }, (_, number) => product(number, { width: 1280, height: 960 })))
  }
  const frames = await Promise.all((await picturesIn(folder)).map((path) => readFile(path)))
  if (frames.length === 0) throw new Error(`there are no pictures in ${folder}`)
  return frames
}
