/** `npm run bench -- rest`: what each service holds in memory at rest, with one worker: 30 s after its start, and 30 s after frames. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Deployment, serviceNames } from '../test/harness/deployment.ts'
import { startKafkaBroker } from '../test/harness/kafka-broker.ts'
import type { ServiceProcess } from '../test/harness/service-process.ts'
import { sampleFrames } from './frames.ts'
import { amount, type Figure, type Part } from './part.ts'
import { memoryOf } from './process-figures.ts'

const cameras = 8

export const restPart: Part = {
  name: 'rest',
  about: 'memory of each service at rest',
  isUsual: false,
  async measure(options) {
    const count = amount(options, options.items, 120, 40)
    const restSeconds = options.quick ? 5 : 30
    const frames = await sampleFrames(options.pictures)
    await using broker = await startKafkaBroker()
    await using deployment = await Deployment.open({
      brokers: [broker.address],
      env: { SIGHTLINE_WHOLE_FRAME: 'fallback' },
    })
    const services = await deployment.startAll()
    const measure = async (): Promise<readonly (readonly Figure[])[]> => {
      await sleep(restSeconds * 1000)
      return Promise.all(serviceNames.map((name) => memoryFigures(services[name])))
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
    return serviceNames.flatMap((name, index) => [
      { name: `${name}, ${restSeconds} s after its start`, figures: fresh[index]! },
      { name: `${name}, ${restSeconds} s after ${count} frames`, figures: used[index]! },
    ])
  },
}

/** What is in memory, this process's share of it, and what of that V8 has for its heap on the main thread. */
async function memoryFigures({ child, get }: ServiceProcess): Promise<readonly Figure[]> {
  const { rss, pss } = await memoryOf(child.pid)
  const { text } = await get('/metrics')
  const heap = Number(/^nodejs_heap_size_total_bytes (\d+)/m.exec(text)?.[1]) / 2 ** 20
  return [
    { value: rss, unit: 'MiB resident' },
    { value: pss, unit: 'MiB its share' },
    { value: heap, unit: 'MiB JS heap' },
  ]
}
