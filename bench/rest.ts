/**
 * What each service holds in memory at rest: one instance with one worker each, 30 s after its start and 30 s after frames.
 *
 * node bench/rest.ts [--frames N] [--seconds N]
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Deployment, serviceNames } from '../test/harness/deployment.ts'
import { startKafkaBroker } from '../test/harness/kafka-broker.ts'
import type { ServiceProcess } from '../test/harness/service-process.ts'
import { sampleFrames } from './frames.ts'
import { machine } from './machine.ts'

const { values } = parseArgs({
  options: { frames: { type: 'string', default: '120' }, seconds: { type: 'string', default: '30' } },
})
const count = Number(values.frames)
const restMs = Number(values.seconds) * 1000
const cameras = 8
const frames = await sampleFrames(undefined)

/** MiB: what is in memory, this process's share of it, and what of that V8 has for its heap on the main thread. */
interface Memory {
  readonly rss: number
  readonly pss: number
  readonly heap: number
}

async function memoryOf({ child, get }: ServiceProcess): Promise<Memory> {
  const rollup = await readFile(`/proc/${child.pid}/smaps_rollup`, 'utf8')
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024
  const { text } = await get('/metrics')
  const heap = Number(/^nodejs_heap_size_total_bytes (\d+)/m.exec(text)?.[1]) / 2 ** 20
  return { rss: mebibytes('Rss'), pss: mebibytes('Pss'), heap }
}

await using broker = await startKafkaBroker()
await using deployment = await Deployment.open({
  brokers: [broker.address],
  env: { SIGHTLINE_WHOLE_FRAME: 'fallback' },
})
const services = await deployment.startAll()

async function measure(): Promise<readonly Memory[]> {
  await sleep(restMs)
  return Promise.all(serviceNames.map((name) => memoryOf(services[name])))
}

const fresh = await measure()
const reader = await deployment.read()
for (let sent = 0; sent < count; sent += cameras) {
  const wave = Array.from({ length: cameras }, (_, camera) => {
    return { camera: `cam-${camera}`, bytes: frames[(sent + camera) % frames.length]! }
  })
  await deployment.publish(wave)
}
await reader.ended(deployment.published.size)
const used = await measure()

const cells = ({ rss, pss, heap }: Memory): string => [rss, pss, heap].map((value) => value.toFixed(0)).join(' | ')
process.stdout.write(
  [
    `${machine()}; one worker each, MiB, ${values.seconds} s after the start and after ${count} frames`,
    '',
    '| | RSS at start | PSS | JS heap | RSS after frames | PSS | JS heap |',
    '|---|---|---|---|---|---|---|',
    ...serviceNames.map((name, index) => `| ${name} | ${cells(fresh[index]!)} | ${cells(used[index]!)} |`),
    '',
  ].join('\n'),
)
