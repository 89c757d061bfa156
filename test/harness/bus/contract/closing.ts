/** How subscriptions and buses end; part of the contract of every driver. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Collector, clean, compare, forward, forwarder, message, numbered } from '../collector.ts'
import type { ContractTools } from './tools.ts'

export function closingContract({ openWith, uniqueName }: ContractTools): void {
  it('waits for the running call and commits it; the rest is left to the next member', async () => {
    const [input, output, group] = [uniqueName('in'), uniqueName('out'), uniqueName('g')]
    await using bus = await openWith({ [input]: 1, [output]: 1 })
    await using reader = await Collector.on(bus, output)
    const gate = Promise.withResolvers<void>()
    const running = new Collector()
    const sent = numbered(input, 1, 20)
    await bus.publish(sent)
    const subscription = await bus.subscribe({ group, topic: input, maxBatch: 5 }, async (batch, signal) => {
      running.add(batch)
      await gate.promise
      return await forward(output)(batch, signal)
    })
    await running.count(1)
    let disposed = false
    const disposing = subscription[Symbol.asyncDispose]().then(() => {
      disposed = true
    })
    await sleep(20)
    expect(disposed).toBe(false)
    gate.resolve()
    await disposing
    await expect(subscription.closed).resolves.toBeUndefined()
    await reader.count(running.deliveries.length)
    expect(running.batches.length).toBe(1)
    await using _ = await forwarder(bus, group, input, output)
    await reader.count(20)
    expect(compare(sent, reader.deliveries)).toEqual(clean)
  })

  it('can be disposed twice, subscription and bus', async () => {
    const input = uniqueName('in')
    const bus = await openWith({ [input]: 1 })
    const subscription = await bus.subscribe({ group: uniqueName('g'), topic: input, maxBatch: 1 }, async () => [])
    await Promise.all([subscription[Symbol.asyncDispose](), subscription[Symbol.asyncDispose]()])
    await subscription[Symbol.asyncDispose]()
    await Promise.all([bus[Symbol.asyncDispose](), bus[Symbol.asyncDispose]()])
    await bus[Symbol.asyncDispose]()
  })

  it('closes its subscriptions with the bus, and refuses what comes after', async () => {
    const input = uniqueName('in')
    const bus = await openWith({ [input]: 1 })
    const options = { group: uniqueName('g'), topic: input, maxBatch: 1 }
    const subscription = await bus.subscribe(options, async () => [])
    await bus[Symbol.asyncDispose]()
    await expect(subscription.closed).resolves.toBeUndefined()
    await expect(bus.publish([message(input, 'cam', 'late')])).rejects.toMatchObject({ code: 'BUS_CLOSED' })
    await expect(bus.subscribe(options, async () => [])).rejects.toMatchObject({ code: 'BUS_CLOSED' })
  })
}
