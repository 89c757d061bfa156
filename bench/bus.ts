/** `npm run bench -- bus`: what the bus costs: messages/s and ms a message of the in-memory log and of Kafka, and how long a rebalance stops a stream. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Publication } from '@sightline/shared/bus/bus.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { MemoryBus } from '@sightline/shared/bus/memory/memory-bus.ts'
import { Collector, forwarder } from '../test/harness/bus/collector.ts'
import { startKafkaBroker } from '../test/harness/kafka-broker.ts'
import { amount, type Part } from './part.ts'
import { median } from './statistics.ts'

const partitions = 4
const value = Buffer.alloc(100 * 1024, 'frame')

export const busPart: Part = {
  name: 'bus',
  about: 'the bus alone: in memory, and Kafka with and without transactions',
  isUsual: false,
  async measure(options) {
    await using broker = await startKafkaBroker()
    const brokers = [broker.address]
    const drivers: Readonly<Record<string, () => Bus>> = {
      'in memory': () => new MemoryBus({ partitions }),
      'Kafka, at least once': () => new KafkaBus({ brokers, delivery: 'at-least-once' }),
      'Kafka, exactly once': () => new KafkaBus({ brokers }),
    }
    const messages = amount(options, options.items, 1_000, 200)
    const rounds = amount(options, options.rounds, 3, 1)
    const found = Object.keys(drivers).map((name) => ({ name, runs: [] as Run[] }))
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, runs } of found) {
        options.tell(`bus: ${name}, round ${round + 1} of ${rounds}`)
        await using bus = drivers[name]!()
        const topic = (): Promise<string> => newTopic(brokers)
        const rate = await throughput(bus, topic, messages)
        runs.push({ rate, ms: await latency(bus, topic), ...(await rebalance(bus, topic)) })
      }
    }
    return found.map(({ name, runs }) => ({
      name,
      figures: [
        { value: median(runs.map(({ rate }) => rate)), unit: 'messages/s of 100 KiB' },
        { value: median(runs.map(({ ms }) => ms)), unit: 'ms a message' },
        { value: median(runs.map(({ join }) => join)), unit: 'ms still while one joins' },
        { value: median(runs.map(({ leave }) => leave)), unit: 'ms while one leaves' },
      ],
    }))
  },
}

interface Run {
  readonly rate: number
  readonly ms: number
  readonly join: number
  readonly leave: number
}

type NewTopic = () => Promise<string>

let topics = 0

async function newTopic(brokers: readonly string[]): Promise<string> {
  topics += 1
  const name = `bench-${topics}`
  const config = { 'max.message.bytes': String(8 * 1024 * 1024) }
  await ensureTopics({ brokers }, [{ name, partitions, replication: 1, config }])
  return name
}

const frame = (name: string, index: number): Publication => ({
  topic: name,
  key: `cam-${index % 16}`,
  value,
  headers: {},
})

/** 100 KiB messages a second: published, forwarded by one stage, and read again. */
async function throughput(bus: Bus, topic: NewTopic, messages: number): Promise<number> {
  const [input, output] = [await topic(), await topic()]
  await using _ = await bus.subscribe({ group: input, topic: input, maxBatch: 16 }, async (batch) =>
    batch.map(({ key, headers, value }) => ({ topic: output, key, headers, value })),
  )
  await using reader = await Collector.on(bus, output)
  const started = performance.now()
  const sends = Array.from({ length: messages }, (_, index) => bus.publish([frame(input, index)]))
  await Promise.all(sends)
  await reader.count(messages)
  return (messages / (performance.now() - started)) * 1000
}

/** Milliseconds from publishing one message to reading what one stage made of it, one after the other. */
async function latency(bus: Bus, topic: NewTopic): Promise<number> {
  const [input, output] = [await topic(), await topic()]
  await using _ = await forwarder(bus, input, input, output)
  await using reader = await Collector.on(bus, output)
  const times: number[] = []
  for (let index = 0; index < 120; index += 1) {
    const started = performance.now()
    await bus.publish([{ ...frame(input, index), value: Buffer.from('small') }])
    await reader.count(index + 1)
    times.push(performance.now() - started)
  }
  // The first ones take over the partitions.
  return median(times.slice(20))
}

/** Longest pause of a stream, in ms, while a member joins, and while it leaves. */
async function rebalance(bus: Bus, topic: NewTopic): Promise<{ join: number; leave: number }> {
  const [input, output] = [await topic(), await topic()]
  await using _ = await forwarder(bus, input, input, output)
  await using reader = await Collector.on(bus, output)
  const stop = new AbortController()
  const feeding = (async () => {
    for (let index = 0; !stop.signal.aborted; index += 1) {
      await bus.publish([{ ...frame(input, index), value: Buffer.from('small') }])
      await sleep(5)
    }
  })()
  await reader.count(200)
  const pauseDuring = async (change: () => Promise<unknown>) => {
    let longest = 0
    let last = performance.now()
    let changed = false
    void change().then(() => {
      changed = true
    })
    for (let after = 0; after < 100; ) {
      await reader.count(reader.deliveries.length + 1)
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
      if (changed) after += 1
    }
    return longest
  }
  const member = Promise.withResolvers<AsyncDisposable>()
  const join = await pauseDuring(async () => member.resolve(await forwarder(bus, input, input, output)))
  const leave = await pauseDuring(async () => (await member.promise)[Symbol.asyncDispose]())
  stop.abort()
  await feeding
  return { join, leave }
}
