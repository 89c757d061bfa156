/** `npm run bench -- dense`: a crowded frame, looked at in tiles, in one process, beside the sum of its networks and of its decoding. */
import { alternate, shares, speedFigures, work } from './alternate.ts'
import { openBareNetworks } from './bare-networks.ts'
import { sceneJpegs } from './frames.ts'
import { type Pair, shippedPair } from './pairs.ts'
import { amount, type Options, type Part, type Row } from './part.ts'
import { cycle, openPair, play } from './play.ts'
import { mean } from './statistics.ts'

export const densePart: Part = {
  name: 'dense',
  about: 'crowded frames of 1280 x 960 with 60 boxes, looked at in tiles, beside the networks and decoding they take',
  isUsual: false,
  async measure(options) {
    const rows: Row[] = []
    for (const precision of ['fp32', 'int8'] as const) rows.push(...(await besideNetworks(precision, options)))
    return rows
  },
}

/** What a shop sells. */
const entries = 1000
/** Of the whole frame, and of two by two tiles. */
const looks = 5
/** As many boxes as a shelf has packages; the made-up scenes have fewer, so what is hardly seen counts too. */
const crowded = { scene: 'dense', tiles: { columns: 2, rows: 2 }, maxBoxes: 60, detectionThreshold: 0.02 } as const

async function besideNetworks(precision: 'fp32' | 'int8', options: Options): Promise<readonly Row[]> {
  const shipped = await shippedPair(options, precision)
  const frames = options.pictures === undefined ? await sceneJpegs(1280, 960) : shipped.frames
  const pair: Pair = { ...shipped, frames, settings: { ...shipped.settings, ...crowded } }
  options.tell(`dense: ${pair.name}`)
  await using played = await openPair(pair, entries)
  const { pipeline, crops } = played
  await using networks = await openBareNetworks(pair.models)
  const found = await alternate(
    {
      pipeline: (count) => work(count, () => play(pipeline, frames, count)),
      decoding: (count) => work(count, () => networks.run(cycle(crops, count), frames, looks)),
      oneByOne: (count) => work(count, () => play(pipeline, frames, count, { ahead: 1 })),
      networksOneByOne: (count) =>
        work(count, async () => {
          for (const [index, one] of cycle(crops, count).entries()) await networks.one(one, frames[index]!, looks)
        }),
    },
    {
      items: amount(options, options.items, 16, 8),
      rounds: amount(options, options.rounds, 5, 3),
      tell: options.tell,
    },
  )
  return [
    {
      name: `${pair.name}: crowded frames`,
      figures: [...speedFigures(found.pipeline), { value: mean(crops), unit: 'crops' }],
      ratios: shares(found.pipeline, found.decoding, 'the networks with decoding'),
    },
    {
      name: `${pair.name}: one crowded frame at a time`,
      figures: speedFigures(found.oneByOne),
      ratios: shares(found.oneByOne, found.networksOneByOne, 'the networks with decoding, one after the other'),
    },
  ]
}
