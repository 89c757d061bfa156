/** `npm run bench -- scaling`: the shipped pair in one process with more boxes, larger pictures, more cameras, larger galleries. */
import { alternate, shares, speedFigures, work } from './alternate.ts'
import { openBareNetworks } from './bare-networks.ts'
import { sceneJpegs } from './frames.ts'
import { usualEntries } from './made-gallery.ts'
import { type Pair, shippedPair } from './pairs.ts'
import { amount, type Options, type Part, type Row } from './part.ts'
import { cycle, openPair, play } from './play.ts'
import { mean } from './statistics.ts'

interface Case {
  readonly name: string
  readonly frames: readonly Uint8Array[]
  readonly settings: Pair['settings']
  readonly cameras: number
  readonly entries: number
}

/** So many boxes, whatever is in view. */
const exactly = (maxBoxes: number): Pair['settings'] => ({
  maxBoxes,
  detectionThreshold: 0,
  detectionNmsIou: 1,
  wholeFrame: 'never',
})

export const scalingPart: Part = {
  name: 'scaling',
  about: 'with boxes, picture size, cameras and gallery size, beside the networks with decoding',
  isUsual: true,
  async measure(options) {
    const pair = await shippedPair(options, 'fp32')
    const rows: Row[] = []
    for (const one of await cases(pair, options)) rows.push(await measured(one, pair, options))
    return rows
  },
}

async function cases(pair: Pair, { quick }: Options): Promise<readonly Case[]> {
  const usual = { frames: await sceneJpegs(1280, 720), settings: exactly(1), cameras: 4, entries: usualEntries }
  const few = <T>(list: readonly T[]): readonly T[] => (quick ? [list[0]!, list.at(-1)!] : list)
  const sizes = few([
    [640, 480],
    [1920, 1080],
    [3840, 2160],
  ] as const)
  return [
    ...few([1, 5, 20, 50]).map((boxes) => ({ ...usual, name: `boxes: ${boxes}`, settings: exactly(boxes) })),
    ...(await Promise.all(
      sizes.map(async ([width, height]) => {
        return { ...usual, name: `picture: ${width} x ${height}`, frames: await sceneJpegs(width, height) }
      }),
    )),
    ...few([1, 16, 64]).map((cameras) => ({ ...usual, name: `cameras: ${cameras}`, frames: pair.frames, cameras })),
    ...few([1_000, 100_000]).map((entries) => ({
      ...usual,
      name: `gallery: ${entries.toLocaleString('en-US')}`,
      entries,
    })),
  ]
}

async function measured(
  { name, frames, settings, cameras, entries }: Case,
  pair: Pair,
  options: Options,
): Promise<Row> {
  options.tell(`scaling: ${name}`)
  await using played = await openPair({ ...pair, frames, settings }, entries)
  const { pipeline, crops } = played
  await using networks = await openBareNetworks(pair.models)
  const boxes = mean(crops)
  const found = await alternate(
    {
      pipeline: (count) => work(count, () => play(pipeline, frames, count, { cameras })),
      networks: (count) => work(count, () => networks.run(cycle(crops, count), frames)),
    },
    {
      // About as long a round, however much a picture takes.
      items: amount(options, options.items, Math.max(Math.round(192 / (1 + boxes / 2)), 24), 24),
      rounds: amount(options, options.rounds, 5, 3),
      tell: options.tell,
    },
  )
  return {
    name,
    figures: speedFigures(found.pipeline),
    ratios: shares(found.pipeline, found.networks, 'the networks with decoding'),
  }
}
