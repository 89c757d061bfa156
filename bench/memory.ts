/** `npm run bench -- memory [--items 10000]`: does memory stay flat, and is the event loop ever blocked? One process, shipped pair. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { shippedPair } from './pairs.ts'
import { amount, type Part } from './part.ts'
import { openPair, play } from './play.ts'
import { median } from './statistics.ts'

export const memoryPart: Part = {
  name: 'memory',
  about: 'resident memory and the event loop over many frames in one process',
  isUsual: true,
  async measure(options) {
    const count = amount(options, options.items, 10_000, 600)
    const pair = await shippedPair(options, 'fp32')
    await using played = await openPair(pair)
    const { pipeline } = played
    // Allocators grow into their size during the first frames.
    await play(pipeline, pair.frames, Math.min(500, count))
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const samples: number[] = []
    let seen = 0
    const onEvent = (): void => {
      seen += 1
      if (seen % Math.max(Math.floor(count / 40), 1) !== 0) return
      samples.push(process.memoryUsage.rss() / 2 ** 20)
      if (samples.length % 10 === 0)
        options.tell(`memory: ${seen} of ${count} frames, ${samples.at(-1)!.toFixed(0)} MiB`)
    }
    await play(pipeline, pair.frames, count, { onEvent })
    delay.disable()
    const quarter = Math.max(Math.floor(samples.length / 4), 1)
    const [first, last] = [median(samples.slice(0, quarter)), median(samples.slice(-quarter))]
    const ms = (nanoseconds: number): number => nanoseconds / 1e6
    return [
      {
        name: `resident memory, the last quarter of ${count.toLocaleString('en-US')} frames`,
        figures: [{ value: last, unit: 'MiB' }],
        ratios: [{ of: 'the first quarter', by: 'amount', better: 'less', rounds: [last / first], isDisturbed: false }],
      },
      {
        name: 'event loop delay',
        figures: [
          { value: ms(delay.percentile(50)), unit: 'ms p50' },
          { value: ms(delay.percentile(99)), unit: 'ms p99' },
          { value: ms(delay.max), unit: 'ms max' },
        ],
      },
    ]
  },
}
