/**
 * `npm run bench -- crop-size [--pictures DIR]`: up to which size crops should travel.
 *
 * For each bound of a crop's sides: bytes of the bare crop, and the cosine of its embedding to that of the crop that was not
 * bounded. The bound is the smallest that keeps the median of them above 0.999, and looks at no embedder's input.
 */
import { average } from '../shared/imaging/crop.ts'
import type { Pixels } from '../shared/imaging/decode.ts'
import { Kernels } from '../shared/imaging/kernels/kernels.ts'
import { wholeRect } from '../shared/imaging/rows.ts'
import { openShippedEmbedder, packshotPixels } from './crops.ts'
import type { Part, Row } from './part.ts'
import { median } from './statistics.ts'

const bounds = [256, 288, 320, 352, 384, 416, 448, 512, 640]

export const cropSizePart: Part = {
  name: 'crop-size',
  about: 'up to which size crops should travel: bytes, and what the embedding loses',
  isUsual: false,
  async measure({ pictures }) {
    await using embedder = await openShippedEmbedder()
    const kernels = new Kernels()
    // What the least bound leaves alone tells nothing.
    const crops = (await packshotPixels(pictures)).filter(({ width, height }) => Math.max(width, height) > bounds[0]!)
    const vectors = await Promise.all(crops.map((crop) => embedder.vector(crop)))
    const bounded = (picture: Pixels, bound: number): Pixels => {
      const [width, height] = [Math.min(picture.width, bound), Math.min(picture.height, bound)]
      return { data: average(kernels, { picture, rect: wholeRect(picture), width, height }), width, height }
    }
    const rows: Row[] = []
    for (const bound of bounds) {
      const cut = crops.map((crop) => bounded(crop, bound))
      const cosines = await Promise.all(cut.map((crop, index) => embedder.cosine(crop, vectors[index]!)))
      rows.push({
        name: `sides of at most ${bound}`,
        figures: [
          { value: median(cut.map(({ data }) => data.length)) / 1024, unit: 'KiB' },
          { value: median(cosines), unit: 'cosine, median', digits: 5 },
          { value: Math.min(...cosines), unit: 'worst', digits: 5 },
          { value: crops.length, unit: 'crops' },
        ],
      })
    }
    return rows
  },
}
