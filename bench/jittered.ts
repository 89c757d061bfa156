/**
 * Vectors of a gallery as large as asked for, made of a few hundred real embeddings: uniform noise has no neighbours, and
 * tells nothing of an index. An item lies between two real ones; its pictures lie around it.
 */
import { readFile } from 'node:fs/promises'
import { galleryPictures } from '../demo/gallery-pictures.ts'
import { seededRandom } from '../demo/random.ts'
import { makeStock } from '../demo/shooting.ts'
import { picturesIn } from '../pipeline/pictures.ts'
import { openEmbedderForm } from '../services/embedder/session.ts'
import { decodeImage, defaultImageLimits } from '../shared/imaging/decode.ts'
import { bundledModels, readEmbedder } from '../shared/inference/models-folder.ts'
import { workersOf } from '../shared/inference/workers.ts'

/** Of each made-up product, where no folder of pictures is given; at most so many of a folder. */
const each = 12
const mostPictures = 1_000
export const picturesAnItem = 4
/** Length of what is added to an item's unit vector: its pictures are then some 0.8 alike, as real ones of one item are. */
const blur = 0.35

/** Embeddings of the pictures of a folder, or of the demo's made-up products. */
export async function realEmbeddings(folder: string | undefined): Promise<readonly Float32Array[]> {
  const workers = workersOf({
    workers: 1,
    executionProviders: undefined,
    executionFallback: false,
    precision: undefined,
  } as never)
  const { session } = await openEmbedderForm(bundledModels, await readEmbedder(bundledModels), workers)
  await using _session = session
  const embed = async (bytes: Uint8Array): Promise<Float32Array> => {
    const pixels = await decodeImage(bytes, defaultImageLimits)
    return session.submit({ pixels }, [pixels.data.buffer])
  }
  const vectors: Float32Array[] = []
  if (folder === undefined) {
    for await (const { jpeg } of galleryPictures(await makeStock(), 'bench', each)) vectors.push(await embed(jpeg))
  } else {
    for (const file of (await picturesIn(folder)).slice(0, mostPictures))
      vectors.push(await embed(await readFile(file)))
  }
  return vectors
}

/** `count` vectors of unit length in one array, row by row; picture n is of item n / 4. The same for the same seed. */
export function jittered(real: readonly Float32Array[], count: number, seed: string, firstPicture = 0): Float32Array {
  const { length: dimension } = real[0]!
  const rows = new Float32Array(count * dimension)
  const item = new Float32Array(dimension)
  for (let row = 0; row < count; row += 1) {
    const number = Math.floor((firstPicture + row) / picturesAnItem)
    const between = seededRandom(`item ${number}`)
    const [a, b] = [between.pick(real), between.pick(real)]
    const share = between.between(0.5, 0.9)
    for (let index = 0; index < dimension; index += 1) {
      item[index] = share * a[index]! + (1 - share) * b[index]! + (0.5 * between.normal()) / Math.sqrt(dimension)
    }
    const random = seededRandom(`${seed} ${firstPicture + row}`)
    const scale = Math.hypot(...item)
    const picture = rows.subarray(row * dimension, (row + 1) * dimension)
    let length = 0
    for (let index = 0; index < dimension; index += 1) {
      const value = item[index]! / scale + (blur * 2 * random.normal()) / Math.sqrt(dimension)
      picture[index] = value
      length += value * value
    }
    for (let index = 0; index < dimension; index += 1) picture[index]! /= Math.sqrt(length)
  }
  return rows
}
