import type { Bus, Delivery } from '@sightline/shared/bus/bus.ts'
import { MemoryBus } from '@sightline/shared/bus/memory/memory-bus.ts'
import { describe, expect, it } from 'vitest'
import { busContract } from '../../../harness/bus/bus-contract.ts'
import { Collector, clean, compare, forward, message, numbered } from '../../../harness/bus/collector.ts'

busContract({
  name: 'memory bus',
  open: async ({ topics, redelivery }) => new MemoryBus({ topics, redelivery }),
})

/** Whether a promise is still open after all that can happen by itself has happened. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const idle = new Promise<boolean>((resolve) => setTimeout(resolve, 20, true))
  return Promise.race([promise.then(() => false), idle])
}

/** A stage that forwards to `topic`, but not before it is let go. */
function gated(topic: string) {
  const gate = Promise.withResolvers<void>()
  const seen = new Collector()
  const handler = async (batch: readonly Delivery[], signal: AbortSignal) => {
    seen.add(batch)
    await gate.promise
    return forward(topic)(batch, signal)
  }
  return { handler, letGo: gate.resolve, seen }
}

const one = { group: 'g', topic: 'in', maxBatch: 1 }

describe('memory bus: bounds', () => {
  it('makes publish wait while a partition is full, and lets it go on in order as commits make room', async () => {
    await using bus = new MemoryBus({ topics: { in: 1 }, capacity: 2 })
    const stage = gated('out')
    await using _ = await bus.subscribe(one, stage.handler)
    await using reader = await Collector.on(bus, 'out')
    const sent = numbered('in', 1, 6)
    const published = sent.map((publication) => bus.publish([publication]))
    await published[1]
    expect(await isPending(published[2]!)).toBe(true)
    stage.letGo()
    await Promise.all(published)
    await reader.count(6)
    expect(compare(sent, reader.deliveries)).toEqual(clean)
  })

  it('takes a publication larger than the capacity as a whole', async () => {
    await using bus = new MemoryBus({ topics: { in: 1 }, capacity: 2 })
    await using reader = await Collector.on(bus, 'in')
    await bus.publish(numbered('in', 1, 50))
    await reader.count(50)
  })

  it('holds a stage back while the topic after it is full, with nothing of it published or committed', async () => {
    await using bus = new MemoryBus({ topics: { in: 1, out: 1 }, capacity: 2 })
    const last = gated('end')
    await using _ = await bus.subscribe({ group: 'last', topic: 'out', maxBatch: 1 }, last.handler)
    await using middle = await bus.subscribe(one, forward('out'))
    await using end = await Collector.on(bus, 'end')
    const sent = numbered('in', 1, 8)
    const publishing = Promise.all(sent.map((publication) => bus.publish([publication])))
    await last.seen.count(1)
    // 2 fill `out`, 2 wait uncommitted in `in`, 4 wait in front of it.
    expect(await isPending(publishing)).toBe(true)
    expect(await middle.lag()).toBe(2)
    last.letGo()
    await publishing
    await end.count(8)
    expect(compare(sent, end.deliveries)).toEqual(clean)
  })

  it('lets a stage that closes finish its commit although the topic after it is full', async () => {
    await using bus = new MemoryBus({ topics: { in: 1, out: 1 }, capacity: 1 })
    const last = gated('end')
    await using _ = await bus.subscribe({ group: 'last', topic: 'out', maxBatch: 1 }, last.handler)
    const handled = new Collector()
    const middle = await bus.subscribe(one, async (batch, signal) => {
      handled.add(batch)
      return forward('out')(batch, signal)
    })
    await using end = await Collector.on(bus, 'end')
    const sent = numbered('in', 1, 2)
    for (const publication of sent) await bus.publish([publication])
    await handled.count(2)
    await middle[Symbol.asyncDispose]()
    expect(last.seen.batches.length).toBe(1)
    last.letGo()
    await end.count(2)
    expect(compare(sent, end.deliveries)).toEqual(clean)
  })

  it('does not hold back a handler that publishes to its own full topic', async () => {
    await using bus: Bus = new MemoryBus({ topics: { in: 1 }, capacity: 1 })
    const seen = new Collector()
    await using _ = await bus.subscribe(one, async (batch) => {
      seen.add(batch)
      return seen.deliveries.length < 4 ? [message('in', 'cam', `cam:${seen.deliveries.length}`)] : []
    })
    await bus.publish([message('in', 'cam', 'cam:0')])
    await seen.count(4)
    expect(seen.texts).toEqual(['cam:0', 'cam:1', 'cam:2', 'cam:3'])
  })

  it('does not wait for a group whose subscriptions are all gone', async () => {
    await using bus = new MemoryBus({ topics: { in: 1 }, capacity: 1 })
    const reader = await Collector.on(bus, 'in')
    await reader[Symbol.asyncDispose]()
    await bus.publish(numbered('in', 1, 5))
    await bus.publish(numbered('in', 1, 5, 5))
  })

  it('refuses publications that still wait when the bus closes', async () => {
    const bus = new MemoryBus({ topics: { in: 1 }, capacity: 1 })
    const stage = gated('out')
    await bus.subscribe({ ...one, maxBatch: 5 }, stage.handler)
    await bus.publish([message('in', 'cam', 'cam:0')])
    await stage.seen.count(1)
    const waiting = [bus.publish([message('in', 'cam', 'cam:1')]), bus.publish([message('in', 'cam', 'cam:2')])]
    const closing = bus[Symbol.asyncDispose]()
    const outcomes = Promise.allSettled(waiting)
    stage.letGo()
    await closing
    const refused = { status: 'rejected', reason: { code: 'BUS_CLOSED' } }
    expect(await outcomes).toMatchObject([refused, refused])
  })

  it('keeps only the newest messages of a topic that nobody reads', async () => {
    await using bus = new MemoryBus({ topics: { in: 1 }, retention: { messages: 3, bytes: 1e6 } })
    for (const publication of numbered('in', 1, 10)) await bus.publish([publication])
    await using reader = await Collector.on(bus, 'in')
    await reader.count(3)
    expect(reader.texts).toEqual(['key-0:7', 'key-0:8', 'key-0:9'])
    expect(reader.deliveries[0]!.offset).toBe(7n)
  })

  it('counts what a group lost that was away for too long', async () => {
    await using bus = new MemoryBus({ topics: { in: 1 }, retention: { messages: 3, bytes: 1e6 } })
    const collector = new Collector()
    const options = { group: 'g', topic: 'in', maxBatch: 10 }
    const before = await bus.subscribe(options, collector.handler)
    await bus.publish(numbered('in', 1, 2))
    await collector.count(2)
    await before[Symbol.asyncDispose]()
    await bus.publish(numbered('in', 1, 10, 2))
    await using after = await bus.subscribe(options, collector.handler)
    await collector.count(5)
    expect(after.lost()).toBe(7)
  })

  it('bounds what nobody reads by bytes too', async () => {
    await using bus = new MemoryBus({ topics: { in: 1 }, retention: { messages: 1000, bytes: 3000 } })
    for (let index = 0; index < 10; index += 1) await bus.publish([message('in', 'cam', `${index}`.padEnd(1000))])
    await using reader = await Collector.on(bus, 'in')
    await reader.count(2)
    expect(reader.texts.map((value) => value.trim())).toEqual(['8', '9'])
  })
})
