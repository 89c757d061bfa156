/** `npm run bench -- services`: the three services on Kafka, beside the same work in one process: throughput, and how late events are. */
import { setTimeout as sleep } from 'node:timers/promises'
import { openPipeline } from '../pipeline/pipeline.ts'
import { pipelineSettings } from '../pipeline/settings.ts'
import { valuesFor } from '../shared/process/settings.ts'
import { Deployment } from '../test/harness/deployment.ts'
import { type KafkaBroker, startKafkaBroker } from '../test/harness/kafka-broker.ts'
import { alternate, perSecond, type Round, shares, speedFigures, work } from './alternate.ts'
import { sampleFrames } from './frames.ts'
import { amount, NotMeasured, type Options, type Part, type Row } from './part.ts'
import { play } from './play.ts'
import { cpuSeconds } from './process-figures.ts'
import { quantile } from './statistics.ts'

const cameras = 16

/** Of what was just measured. */
const load = 0.7

export const servicesPart: Part = {
  name: 'services',
  about: 'three services on Kafka beside one process; publish to event idle and at 70 % load',
  isUsual: true,
  async measure(options) {
    const frames = await sampleFrames(options.pictures)
    await using broker = await startKafkaBroker().catch((error: unknown) => {
      throw new NotMeasured(`no Kafka broker: ${String(error).split('\n')[0]}`)
    })
    await using twice = await openServices(broker, 'at-least-once', frames)
    await using once = await openServices(broker, 'exactly-once', frames)
    await using pipeline = await openPipeline(valuesFor(pipelineSettings, { gallery: once.gallery }))
    const inProcess = 'one process, in-memory bus'
    const found = await alternate(
      {
        [inProcess]: (count: number) => work(count, () => play(pipeline, frames, count, { cameras })),
        'at least once': (count: number) => work(count, () => twice.send(count), twice.cpuSeconds),
        'exactly once': (count: number) => work(count, () => once.send(count), once.cpuSeconds),
      },
      {
        items: amount(options, options.items, 240, 64),
        rounds: amount(options, options.rounds, 5, 3),
        tell: options.tell,
      },
    )
    const row = (name: string, rounds: readonly Round[]): Row => ({
      name,
      figures: speedFigures(rounds, 'frame'),
      ...(name === inProcess ? {} : { ratios: shares(rounds, found[inProcess]!, 'one process') }),
    })
    return [
      ...Object.entries(found).map(([name, rounds]) =>
        row(name === inProcess ? name : `three processes on Kafka, ${name}`, rounds),
      ),
      ...(await lateness(once, perSecond(found['exactly once']!) * load, options)),
    ]
  },
}

interface Services extends AsyncDisposable {
  readonly gallery: string
  /** Publishes so many frames at once and waits for their ends. */
  send(count: number): Promise<void>
  /** Publishes frames so far apart; gives the ms from publishing each to its event. */
  latencies(count: number, apartMs: number, cameras: number): Promise<readonly number[]>
  /** Of the services so far, and of the broker where it is a process of this machine. */
  cpuSeconds(): Promise<number>
}

async function openServices(broker: KafkaBroker, delivery: string, frames: readonly Uint8Array[]): Promise<Services> {
  const env = { SIGHTLINE_DELIVERY: delivery, SIGHTLINE_WHOLE_FRAME: 'fallback' }
  const deployment = await Deployment.open({ brokers: [broker.address], partitions: 4, env })
  const services = Object.values(await deployment.startAll())
  const reader = await deployment.read()
  const arrived = new Map<string, number>()
  const arrivals = { group: `${deployment.prefix}arrivals`, topic: deployment.topics.recognitions, maxBatch: 100 }
  const subscription = await deployment.bus.subscribe(arrivals, (batch) => {
    for (const { headers } of batch) arrived.set(headers['frame-id']!, performance.now())
    return Promise.resolve([])
  })
  let sent = 0
  /** Resolves with the frame's id when the broker has it. */
  const publish = async (among: number): Promise<string> => {
    const number = sent++
    const [camera, id] = [`cam-${number % among}`, `frame-${number}`]
    await deployment.publish([{ camera, id, bytes: frames[number % frames.length]! }])
    return `${camera}:${id}`
  }
  return {
    gallery: deployment.gallery,
    async send(count) {
      await Promise.all(Array.from({ length: count }, () => publish(cameras)))
      await reader.ended(sent)
    },
    async latencies(count, apartMs, among) {
      const published: { readonly at: number; readonly id: Promise<string> }[] = []
      const started = performance.now()
      for (let index = 0; index < count; index += 1) {
        await sleep(Math.max(started + index * apartMs - performance.now(), 0))
        published.push({ at: performance.now(), id: publish(among) })
      }
      const ids = await Promise.all(published.map(({ id }) => id))
      await reader.ended(sent)
      // The reader of dead letters may be a moment ahead.
      while (ids.some((id) => !arrived.has(id))) await sleep(5)
      return ids.map((id, index) => arrived.get(id)! - published[index]!.at)
    },
    async cpuSeconds() {
      const pids = [broker.pid() ?? [], ...services.map(({ child }) => child.pid)].flat()
      return (await Promise.all(pids.map(cpuSeconds))).reduce((sum, seconds) => sum + seconds, 0)
    },
    async [Symbol.asyncDispose]() {
      await subscription[Symbol.asyncDispose]()
      await deployment[Symbol.asyncDispose]()
    },
  }
}

async function lateness(services: Services, perSecond: number, options: Options): Promise<readonly Row[]> {
  const measure = async (name: string, count: number, apartMs: number, among: number): Promise<Row> => {
    options.tell(`services: ${name}`)
    const took = await services.latencies(count, apartMs, among)
    const figures = [0.5, 0.99].map((share) => ({ value: quantile(took, share), unit: `ms p${share * 100}` }))
    return { name: `exactly once, publish to event, ${name}`, figures }
  }
  return [
    await measure('idle, one camera, a frame a second', options.quick ? 12 : 60, 1000, 1),
    await measure(
      `at ${load * 100} % load, ${perSecond.toFixed(0)} frames/s of ${cameras} cameras`,
      Math.ceil(perSecond * (options.quick ? 5 : 30)),
      1000 / perSecond,
      cameras,
    ),
  ]
}
