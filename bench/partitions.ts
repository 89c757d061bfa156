/**
 * `npm run bench -- partitions [--items 1000]`: what one instance costs that reads many partitions: connections, memory, processor
 * time at rest, and how long a message in each of them takes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaBus } from '../shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '../shared/bus/kafka/kafka-topics.ts'
import { Collector, compare, numbered } from '../test/harness/bus/collector.ts'
import { type Child, startChild } from '../test/harness/child.ts'
import { startKafkaBroker } from '../test/harness/kafka-broker.ts'
import { amount, type Part, type Row } from './part.ts'
import { cpuSeconds, memoryOf, sockets } from './process-figures.ts'

const restSeconds = 15

export const partitionsPart: Part = {
  name: 'partitions',
  about: 'one instance that reads many partitions, at rest and with a message in each',
  isUsual: false,
  async measure(options) {
    const partitions = amount(options, options.items, 1000, 100)
    await using broker = await startKafkaBroker()
    const connection = { brokers: [broker.address] }
    const topic = (name: string, count: number) => ({ name, partitions: count, replication: 1, config: {} })
    await ensureTopics(connection, [topic('in', partitions), topic('out', 4)])

    const script = `${import.meta.dirname}/../test/shared/bus/kafka/forward-worker.ts`
    const args = ['--brokers', broker.address, '--group', 'bench', '--from', 'in', '--to', 'out']
    await using worker = await startChild(process.execPath, [script, ...args])
    await new Promise<void>((resolve) => worker.onLine((line) => line === 'ready' && resolve()))

    const rows = [await atRest(worker, `${partitions} partitions at rest, before the first message`)]
    await using bus = new KafkaBus(connection)
    await using seen = await Collector.on(bus, 'out')
    // So many keys that hardly a partition has none.
    const sent = numbered('in', partitions * 8, partitions * 8)
    const started = performance.now()
    for (let from = 0; from < sent.length; from += 1000) await bus.publish(sent.slice(from, from + 1000))
    await seen.count(sent.length)
    const seconds = (performance.now() - started) / 1000
    rows.push(await atRest(worker, 'at rest, after a message in each'))
    const { missing, doubles } = compare(sent, seen.deliveries)
    const counts = [
      { value: seconds, unit: 's' },
      { value: missing.length, unit: 'missing' },
      { value: doubles.length, unit: 'doubles' },
    ]
    return [...rows, { name: `${sent.length} messages forwarded`, figures: counts }]
  },
}

async function atRest({ pid }: Child, name: string): Promise<Row> {
  await sleep(3000)
  const before = await cpuSeconds(pid)
  await sleep(restSeconds * 1000)
  const share = ((await cpuSeconds(pid)) - before) / restSeconds
  const figures = [
    { value: await sockets(pid), unit: 'sockets' },
    { value: (await memoryOf(pid)).rss, unit: 'MiB' },
    { value: share * 100, unit: '% of one core' },
  ]
  return { name, figures }
}
