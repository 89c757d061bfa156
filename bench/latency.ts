/** `npm run bench -- latency`: how long one frame takes in one process while nothing else is under way, stage by stage. */
import type { RecognitionEvent } from '../shared/contracts/recognition-event.ts'
import { alternate, type Contender, cpuMs, shares, work } from './alternate.ts'
import { openBareNetworks } from './bare-networks.ts'
import { allPairs, type Pair } from './pairs.ts'
import { amount, type Options, type Part, type Row } from './part.ts'
import { cycle, openPair, play } from './play.ts'
import { mean, quantile } from './statistics.ts'

export const latencyPart: Part = {
  name: 'latency',
  about: 'one frame at a time in one process, and its stages, beside the networks one after the other',
  isUsual: true,
  async measure(options) {
    const { pairs, missing } = await allPairs(options)
    const rows: Row[] = []
    for (const pair of pairs) rows.push(...(await oneByOne(pair, options)))
    return [...rows, ...missing]
  },
}

/** Decoding and matching have no network; theirs are told without anything beside. */
const stages = { decodeMs: 'decode', detectMs: 'detect', embedMs: 'embed', matchMs: 'match' } as const

async function oneByOne(pair: Pair, options: Options): Promise<readonly Row[]> {
  options.tell(`latency: ${pair.name}`)
  await using played = await openPair(pair)
  const { pipeline, crops } = played
  await using networks = await openBareNetworks(pair.models)
  const events: RecognitionEvent[] = []
  const latencies: number[] = []
  const frames: Contender = (count) => {
    let last = performance.now()
    const onEvent = (event: RecognitionEvent): void => {
      latencies.push(performance.now() - last)
      last = performance.now()
      events.push(event)
    }
    return work(count, () => play(pipeline, pair.frames, count, { ahead: 1, onEvent }))
  }
  const each = (act: (crops: number) => Promise<unknown>): Contender => {
    return (count) =>
      work(count, async () => {
        for (const one of cycle(crops, count)) await act(one)
      })
  }
  const found = await alternate(
    {
      frames,
      networks: each(async (crops) => {
        await networks.detect()
        await networks.embed(crops)
      }),
    },
    {
      items: amount(options, options.items, pair.settings.maxBoxes === undefined ? 60 : 24, 12),
      rounds: amount(options, options.rounds, 5, 3),
      tell: options.tell,
    },
  )
  const ms = (value: number, unit: string) => ({ value, unit })
  return [
    {
      name: `${pair.name}: from publishing to the event`,
      figures: [
        ms(quantile(latencies, 0.5), 'ms p50'),
        ms(quantile(latencies, 0.99), 'ms p99'),
        ms(cpuMs(found.frames), 'ms CPU'),
      ],
      ratios: shares(found.frames, found.networks, 'the networks one after the other'),
    },
    {
      name: `${pair.name}: its stages, mean`,
      // Whole milliseconds in an event: only their mean tells more.
      figures: Object.entries(stages).map(([timing, stage]) =>
        ms(mean(events.map(({ timings }) => timings[timing as keyof typeof stages])), `ms ${stage}`),
      ),
    },
  ]
}
