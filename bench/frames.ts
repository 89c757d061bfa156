/** The frames that benchmarks play: the pictures of a folder, or made-up ones of the same kind as a camera's. */
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { galleryPictures } from '../demo/gallery-pictures.ts'
import { sceneFrames } from '../demo/scenes.ts'
import { makeStock } from '../demo/shooting.ts'
import { picturesIn } from '../pipeline/pictures.ts'
import { product } from '../test/harness/pictures.ts'

const madeUp = 24
const scenesOfEach = 8

/** 1280 x 960 JPEGs with one product each on a plain ground, or the pictures of the folder. */
export async function sampleFrames(folder: string | undefined): Promise<readonly Uint8Array[]> {
  if (folder === undefined) {
    return Promise.all(Array.from({ length: madeUp }, (_, number) => product(number, { width: 1280, height: 960 })))
  }
  const frames = await Promise.all((await picturesIn(folder)).map((path) => readFile(path)))
  if (frames.length === 0) throw new Error(`there are no pictures in ${folder}`)
  return frames
}

/** Crowded scenes of the demo's cameras, with their grain, as JPEGs of this size. */
export async function sceneJpegs(width: number, height: number): Promise<readonly Uint8Array[]> {
  const jpegs: Uint8Array[] = []
  for await (const { jpeg } of sceneFrames(await makeStock(), 'bench', scenesOfEach)) {
    jpegs.push(await sharp(jpeg).resize(width, height, { fit: 'fill' }).jpeg({ quality: 85 }).toBuffer())
  }
  return jpegs
}

/** Pictures of the demo's products as they are enrolled, `each` of every one; or those of the folder. */
export async function packshots(folder: string | undefined, each: number): Promise<readonly Uint8Array[]> {
  if (folder !== undefined) return sampleFrames(folder)
  const found: Uint8Array[] = []
  for await (const { jpeg } of galleryPictures(await makeStock(), 'bench', each)) found.push(jpeg)
  return found
}
