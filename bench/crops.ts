/** Crops to measure on: packshots, and how alike two looks at one are to the embedder that ships. */
import { dot } from '../evaluation/retrieval.ts'
import { openEmbedderSession } from '../services/embedder/session.ts'
import { cutCrop } from '../shared/imaging/crop.ts'
import { decodeImage, defaultImageLimits, type Pixels } from '../shared/imaging/decode.ts'
import { Kernels } from '../shared/imaging/kernels/kernels.ts'
import { wholeRect } from '../shared/imaging/rows.ts'
import { bundledModels, readEmbedder } from '../shared/inference/models-folder.ts'
import { packshots } from './frames.ts'

export const packshotPixels = async (folder: string | undefined): Promise<readonly Pixels[]> =>
  Promise.all((await packshots(folder, 3)).map((bytes) => decodeImage(bytes, defaultImageLimits)))

const kernels = new Kernels()

/** The picture at the size at which a camera sees it from further away: its longer side has `side` pixels. */
export function fromAfar(picture: Pixels, side: number): Pixels {
  const scale = Math.min(side / Math.max(picture.width, picture.height), 1)
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)]
  const cut = { picture, rect: wholeRect(picture), width, height, interpolation: 'linear' } as const
  return { data: cutCrop(kernels, cut), width, height }
}

export interface Embedder extends AsyncDisposable {
  vector(picture: Pixels): Promise<Float32Array>
  cosine(picture: Pixels, vector: Float32Array): Promise<number>
}

/** The one that ships, on one worker. */
export async function openShippedEmbedder(): Promise<Embedder> {
  const session = await openEmbedderSession(await readEmbedder(bundledModels), { workers: 1, threadsPerWorker: 1 })
  /** A copy goes to the session, which takes its pixels away. */
  const vector = ({ data, width, height }: Pixels): Promise<Float32Array> =>
    session.submit({ pixels: { data: data.slice(), width, height } })
  return {
    vector,
    cosine: async (picture, other) => dot(await vector(picture), other),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}
