/** `npm run bench -- decode`: what decoding within limits costs, beside bare sharp on the same JPEGs. */
import sharp from 'sharp'
import { decodeImage, defaultImageLimits } from '../shared/imaging/decode.ts'
import { alternate, cpuMs, shares, work } from './alternate.ts'
import { sampleFrames, sceneJpegs } from './frames.ts'
import { amount, type Part, type Row } from './part.ts'
import { cycle } from './play.ts'

const sizes = [
  [640, 480],
  [1280, 720],
  [1920, 1080],
  [3840, 2160],
] as const

export const decodePart: Part = {
  name: 'decode',
  about: 'JPEGs to pixels within limits, beside bare sharp',
  isUsual: true,
  async measure(options) {
    const sets = new Map([['one object on plain ground, 1280 x 960', await sampleFrames(options.pictures)]])
    for (const [width, height] of options.quick ? sizes.slice(0, 2) : sizes) {
      sets.set(`scenes with grain, ${width} x ${height}`, await sceneJpegs(width, height))
    }
    const rows: Row[] = []
    for (const [name, jpegs] of sets) {
      // One at a time: side by side is the pipeline's business.
      const each = (act: (jpeg: Uint8Array) => Promise<unknown>) => (count: number) =>
        work(count, async () => {
          for (const jpeg of cycle(jpegs, count)) await act(jpeg)
        })
      const found = await alternate(
        {
          decode: each((jpeg) => decodeImage(jpeg, defaultImageLimits)),
          sharp: each((jpeg) => sharp(jpeg).raw().toBuffer()),
        },
        {
          items: amount(options, options.items, 96, 48),
          rounds: amount(options, options.rounds, 5, 3),
          tell: options.tell,
        },
      )
      rows.push({
        name,
        figures: [{ value: cpuMs(found.decode), unit: 'ms CPU' }],
        ratios: shares(found.decode, found.sharp, 'bare sharp'),
      })
    }
    return rows
  },
}
