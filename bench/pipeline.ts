/** `npm run bench -- pipeline`: pictures a second and processor time of the whole pipeline in one process, beside its bare networks. */
import { alternate, shares, speedFigures, work } from './alternate.ts'
import { openBareNetworks } from './bare-networks.ts'
import { allPairs, type Pair } from './pairs.ts'
import { amount, type Options, type Part, type Row } from './part.ts'
import { cycle, openPair, play } from './play.ts'
import { mean } from './statistics.ts'

export const pipelinePart: Part = {
  name: 'pipeline',
  about: 'the whole pipeline in one process, beside its bare networks',
  isUsual: true,
  async measure(options) {
    const { pairs, missing } = await allPairs(options)
    const rows: Row[] = []
    for (const pair of pairs) rows.push(...(await besideNetworks(pair, options)))
    return [...rows, ...missing]
  },
}

async function besideNetworks(pair: Pair, options: Options): Promise<readonly Row[]> {
  const { frames, name } = pair
  const isLarge = name.startsWith('official')
  options.tell(`pipeline: ${name}`)
  await using played = await openPair(pair)
  const { pipeline, crops } = played
  await using networks = await openBareNetworks(pair.models)
  const found = await alternate(
    {
      pipeline: (count) => work(count, () => play(pipeline, frames, count)),
      networks: (count) => work(count, () => networks.run(cycle(crops, count))),
      decoding: (count) => work(count, () => networks.run(cycle(crops, count), frames)),
    },
    {
      items: isLarge ? amount(options, options.items, 48, 12) : amount(options, options.items, 240, 96),
      rounds: amount(options, options.rounds, 5, 3),
      tell: options.tell,
    },
  )
  return [
    {
      name: `${name}: the whole pipeline`,
      figures: [...speedFigures(found.pipeline), { value: mean(crops), unit: 'crops' }],
      ratios: [
        ...shares(found.pipeline, found.networks, 'the bare networks'),
        ...shares(found.pipeline, found.decoding, 'the networks with decoding'),
      ],
    },
    { name: `${name}: the bare networks, batch 1, one worker a core`, figures: speedFigures(found.networks) },
    { name: `${name}: the same, and JPEGs decoded by sharp`, figures: speedFigures(found.decoding) },
  ]
}
