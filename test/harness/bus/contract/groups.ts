/** How groups share and keep their places; part of the contract of every driver. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Publication } from '@sightline/shared/bus/bus.ts'
import { expect, it } from 'vitest'
import { Collector, clean, compare, forward, forwarder, message, numbered } from '../collector.ts'
import type { ContractTools } from './tools.ts'

export function groupsContract({ openWith, uniqueName, expectAll }: ContractTools): void {
  it('gives every group all messages', async () => {
    const input = uniqueName('in')
    await using bus = await openWith({ [input]: 2 })
    await using one = await Collector.on(bus, input, uniqueName('one'))
    await using two = await Collector.on(bus, input, uniqueName('two'))
    const sent = numbered(input, 4, 40)
    await bus.publish(sent)
    await Promise.all([one.count(40), two.count(40)])
    expect([compare(sent, one.deliveries), compare(sent, two.deliveries)]).toEqual([clean, clean])
  })

  it('goes on where the group left off', async () => {
    const [input, group] = [uniqueName('in'), uniqueName('g')]
    await using bus = await openWith({ [input]: 2 })
    const sent = numbered(input, 4, 40)
    await bus.publish(sent.slice(0, 20))
    const first = await Collector.on(bus, input, group)
    await first.count(20)
    await first[Symbol.asyncDispose]()
    await bus.publish(sent.slice(20))
    await using second = await Collector.on(bus, input, group)
    await second.count(20)
    expect(compare(sent, [...first.deliveries, ...second.deliveries])).toEqual(clean)
  })

  it('starts a new group at the newest message where it asks for that', async () => {
    const input = uniqueName('in')
    await using bus = await openWith({ [input]: 1 })
    await bus.publish([message(input, 'cam', 'old')])
    const reader = new Collector()
    const options = { group: uniqueName('g'), topic: input, maxBatch: 10, from: 'newest' } as const
    await using _ = await bus.subscribe(options, reader.handler)
    await bus.publish([message(input, 'cam', 'new')])
    await reader.count(1)
    expect(reader.texts).toEqual(['new'])
  })

  it('counts what is published but not committed, and dates the oldest of it', async () => {
    const input = uniqueName('in')
    await using bus = await openWith({ [input]: 2 })
    const gate = Promise.withResolvers<void>()
    const reader = new Collector()
    await using subscription = await bus.subscribe(
      { group: uniqueName('g'), topic: input, maxBatch: 5 },
      async (batch) => {
        reader.add(batch)
        await gate.promise
        return []
      },
    )
    await bus.publish(numbered(input, 8, 24))
    await reader.until((deliveries) => new Set(deliveries.map(({ partition }) => partition)).size === 2)
    expect(await subscription.lag()).toBe(24)
    expect(subscription.oldest()).toBe(Math.min(...reader.deliveries.map(({ timestamp }) => timestamp)))
    gate.resolve()
    await reader.count(24)
    while ((await subscription.lag()) > 0) await sleep(5)
    expect(subscription.oldest()).toBeNull()
    expect([subscription.lost(), subscription.troubles()]).toEqual([0, []])
  })

  it('counts nothing once all outputs of another stage are read', async () => {
    const [input, output] = [uniqueName('in'), uniqueName('out')]
    await using bus = await openWith({ [input]: 2, [output]: 2 })
    await using _ = await forwarder(bus, uniqueName('g'), input, output)
    const reader = new Collector()
    const options = { group: uniqueName('g'), topic: output, maxBatch: 5 }
    await using subscription = await bus.subscribe(options, reader.handler)
    await bus.publish(numbered(input, 8, 24))
    await reader.count(24)
    while ((await subscription.lag()) > 0) await sleep(5)
  })

  it.each([2, 3])('shares the partitions among %i subscriptions', async (members) => {
    const [input, output, group] = [uniqueName('in'), uniqueName('out'), uniqueName('g')]
    await using bus = await openWith({ [input]: 6, [output]: 2 })
    await using scope = new AsyncDisposableStack()
    const handled = Array.from({ length: members }, () => new Collector())
    for (const collector of handled) {
      const subscription = await bus.subscribe({ group, topic: input, maxBatch: 5 }, async (batch, signal) => {
        collector.add(batch)
        return await forward(output)(batch, signal)
      })
      scope.use(subscription)
    }
    await using reader = await Collector.on(bus, output)
    const sent: Publication[] = []
    // A joining member gets its share at a moment of the broker's choice: keep the stream going until all have worked.
    for (let round = 0; handled.some((collector) => collector.deliveries.length === 0); round += 1) {
      const wave = numbered(input, 24, 48, round * 2)
      sent.push(...wave)
      await bus.publish(wave)
      await reader.count(sent.length)
    }
    await expectAll(sent, reader)
  })

  it('loses, doubles and reorders nothing while members come and go', async () => {
    const [input, output, group] = [uniqueName('in'), uniqueName('out'), uniqueName('g')]
    await using bus = await openWith({ [input]: 6, [output]: 2 })
    await using reader = await Collector.on(bus, output)
    const sent: Publication[] = []
    const stop = new AbortController()
    const publishing = (async () => {
      for (let round = 0; !stop.signal.aborted; round += 1) {
        const wave = numbered(input, 12, 12, round)
        sent.push(...wave)
        await bus.publish(wave)
        await sleep(2)
      }
    })()
    const first = await forwarder(bus, group, input, output)
    await reader.count(50)
    const second = await forwarder(bus, group, input, output)
    await using third = await forwarder(bus, group, input, output)
    await reader.count(reader.deliveries.length + 50)
    await first[Symbol.asyncDispose]()
    await reader.count(reader.deliveries.length + 50)
    await second[Symbol.asyncDispose]()
    await reader.count(reader.deliveries.length + 50)
    stop.abort()
    await publishing
    await expectAll(sent, reader)
    while ((await third.lag()) > 0) await sleep(5)
  })
}
