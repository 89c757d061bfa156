/**
 * `npm run bench:services`: frames a second of the three services on Kafka, beside the same work in one process.
 *
 * npm run bench:services -- [--frames N] [--runs N]
 */
import { parseArgs } from 'node:util'
import { openPipeline } from '../pipeline/pipeline.ts'
import { pipelineSettings } from '../pipeline/settings.ts'
import { valuesFor } from '../shared/process/settings.ts'
import { Deployment } from '../test/harness/deployment.ts'
import { startKafkaBroker } from '../test/harness/kafka-broker.ts'
import { sampleFrames } from './frames.ts'
import { machine, median } from './machine.ts'
import { play } from './play.ts'

const { values } = parseArgs({
  options: { frames: { type: 'string', default: '240' }, runs: { type: 'string', default: '3' } },
})
const count = Number(values.frames)
const runs = Number(values.runs)
const cameras = 16
const frames = await sampleFrames(undefined)

/** Frames a second over all stages, from the first one published to the last event read. */
async function onKafka(brokers: readonly string[], delivery: string): Promise<number> {
  await using deployment = await Deployment.open({
    brokers,
    partitions: 4,
    env: { SIGHTLINE_DELIVERY: delivery, SIGHTLINE_WHOLE_FRAME: 'fallback' },
  })
  await deployment.startAll()
  const reader = await deployment.read()
  const publish = (from: number, to: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: to - from }, (_, index) =>
        deployment.publish([
          { camera: `cam-${(from + index) % cameras}`, bytes: frames[(from + index) % frames.length]! },
        ]),
      ),
    )
  await publish(0, 16)
  await reader.ended(16)
  const started = performance.now()
  await publish(16, 16 + count)
  await reader.ended(16 + count)
  return (count / (performance.now() - started)) * 1000
}

async function inMemory(gallery: string): Promise<number> {
  await using pipeline = await openPipeline(valuesFor(pipelineSettings, { gallery }))
  await play(pipeline, frames, 16, () => undefined)
  return count / (await play(pipeline, frames, count, () => undefined))
}

await using broker = await startKafkaBroker()
await using shared = await Deployment.open({ brokers: [broker.address] })
const ways = {
  'one process, in-memory bus': () => inMemory(shared.gallery),
  'three processes, Kafka, at least once': () => onKafka([broker.address], 'at-least-once'),
  'three processes, Kafka, exactly once': () => onKafka([broker.address], 'exactly-once'),
}
const found = new Map<string, number[]>()
for (let run = 0; run < runs; run += 1) {
  for (const [way, measure] of Object.entries(ways)) {
    const rate = await measure()
    found.set(way, [...(found.get(way) ?? []), rate])
    process.stderr.write(`run ${run + 1} of ${runs}: ${way}: ${rate.toFixed(1)} frames/s\n`)
  }
}
const first = median(found.values().next().value ?? [])
process.stdout.write(
  [
    `${machine()}; ${count} frames of ${cameras} cameras, broker on the same cores, median of ${runs} runs`,
    '',
    '| | frames/s | share |',
    '|---|---|---|',
    ...[...found].map(
      ([way, rates]) => `| ${way} | ${median(rates).toFixed(1)} | ${(median(rates) / first).toFixed(2)} |`,
    ),
    '',
  ].join('\n'),
)
