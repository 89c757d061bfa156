/**
 * What one instance costs that reads many partitions: connections, memory, processor time at rest, and how long a message in
 * each of them takes.
 *
 * node bench/partitions.ts [--partitions 1000]
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { KafkaBus } from '../shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '../shared/bus/kafka/kafka-topics.ts'
import { Collector, compare, numbered } from '../test/harness/bus/collector.ts'
import { startChild } from '../test/harness/child.ts'
import { startKafkaBroker } from '../test/harness/kafka-broker.ts'
import { machine } from './machine.ts'

const { values } = parseArgs({ options: { partitions: { type: 'string', default: '1000' } } })
const partitions = Number(values.partitions)
const restSeconds = 15
/** The kernel's clock ticks a second. */
const ticks = 100

await using broker = await startKafkaBroker()
const connection = { brokers: [broker.address] }
const topic = (name: string, count: number) => ({ name, partitions: count, replication: 1, config: {} })
await ensureTopics(connection, [topic('in', partitions), topic('out', 4)])

const script = `${import.meta.dirname}/../test/shared/bus/kafka/forward-worker.ts`
const options = ['--brokers', broker.address, '--group', 'bench', '--from', 'in', '--to', 'out']
await using worker = await startChild(process.execPath, [script, ...options])
await new Promise<void>((resolve) => worker.onLine((line) => line === 'ready' && resolve()))

async function sockets(): Promise<number> {
  const folder = `/proc/${worker.pid}/fd`
  const links = await Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')))
  return links.filter((link) => link.startsWith('socket:')).length
}

async function memory(): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${worker.pid}/status`, 'utf8'))?.[1]) / 1024
}

async function cpuSeconds(): Promise<number> {
  const fields = (await readFile(`/proc/${worker.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticks
}

async function atRest(what: string): Promise<string> {
  await sleep(3000)
  const before = await cpuSeconds()
  await sleep(restSeconds * 1000)
  const share = ((await cpuSeconds()) - before) / restSeconds
  return `| ${what} | ${await sockets()} | ${(await memory()).toFixed(0)} | ${(share * 100).toFixed(1)} |`
}

const rows = [await atRest('before the first message')]
await using bus = new KafkaBus(connection)
await using seen = await Collector.on(bus, 'out')
// So many keys that hardly a partition has none.
const sent = numbered('in', partitions * 8, partitions * 8)
const started = performance.now()
for (let from = 0; from < sent.length; from += 1000) await bus.publish(sent.slice(from, from + 1000))
await seen.count(sent.length)
const seconds = (performance.now() - started) / 1000
rows.push(await atRest('after a message in each'))
const { missing, doubles } = compare(sent, seen.deliveries)

process.stdout.write(
  [
    `${machine()}; broker on the same cores; one process, ${partitions} partitions`,
    `${sent.length} messages forwarded in ${seconds.toFixed(1)} s: missing ${missing}, doubles ${doubles}`,
    '',
    '| | sockets | RSS, MiB | one core, % |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n'),
)
