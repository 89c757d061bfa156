/** What a failing handler costs; part of the contract of every driver. */
import type { Publication } from '@sightline/shared/bus/bus.ts'
import { partitioner } from '@sightline/shared/bus/partitioner.ts'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import { expect, it } from 'vitest'
import { Collector, clean, compare, forward, message, numbered, text } from '../collector.ts'
import { type ContractTools, quickRedelivery } from './tools.ts'

export function failuresContract({ openWith, uniqueName }: ContractTools): void {
  it('delivers a batch again after its handler threw, and publishes nothing of the failed try', async () => {
    const [input, output] = [uniqueName('in'), uniqueName('out')]
    await using bus = await openWith({ [input]: 2, [output]: 1 })
    await using reader = await Collector.on(bus, output)
    const tries: string[] = []
    const options = { group: uniqueName('g'), topic: input, maxBatch: 10 }
    await using _ = await bus.subscribe(options, async (batch, signal) => {
      tries.push(text(batch[0]!))
      if (tries.length === 1) throw new Error('the first try fails')
      return await forward(output)(batch, signal)
    })
    await bus.publish([message(input, 'cam', 'cam:0')])
    await reader.count(1)
    await bus.publish([message(input, 'cam', 'cam:1')])
    await reader.count(2)
    expect(tries).toEqual(['cam:0', 'cam:0', 'cam:1'])
    expect(reader.texts).toEqual(['cam:0', 'cam:1'])
  })

  it('shows outputs exactly once and in order although every third call fails', async () => {
    const [input, output] = [uniqueName('in'), uniqueName('out')]
    await using bus = await openWith({ [input]: 3, [output]: 2 })
    await using reader = await Collector.on(bus, output)
    let calls = 0
    const options = { group: uniqueName('g'), topic: input, maxBatch: 4 }
    await using _ = await bus.subscribe(options, async (batch, signal) => {
      calls += 1
      if (calls % 3 === 0) throw new SightlineError('GALLERY_UNAVAILABLE', 'away for a moment', { retryable: true })
      return await forward(output)(batch, signal)
    })
    const sent = numbered(input, 7, 140)
    await bus.publish(sent)
    await reader.count(sent.length)
    expect(compare(sent, reader.deliveries)).toEqual(clean)
  })

  it('goes on with other partitions while one fails, and never gives up on an error that can heal', async () => {
    const [input, output] = [uniqueName('in'), uniqueName('out')]
    await using bus = await openWith({ [input]: 2, [output]: 1 })
    await using reader = await Collector.on(bus, output)
    const of = partitioner()
    const keys = Array.from({ length: 20 }, (_, index) => `cam-${index}`)
    const bad = keys.find((key) => of(input, key, 2) === 0)!
    const good = keys.find((key) => of(input, key, 2) === 1)!
    const failures = new Collector()
    let down = true
    const options = { group: uniqueName('g'), topic: input, maxBatch: 10 }
    await using subscription = await bus.subscribe(options, async (batch, signal) => {
      if (down && batch[0]!.key === bad) {
        failures.add(batch)
        throw new SightlineError('GALLERY_UNAVAILABLE', 'away', { retryable: true })
      }
      return await forward(output)(batch, signal)
    })
    await bus.publish([message(input, bad, 'waits')])
    await failures.count(2)
    await bus.publish([message(input, good, 'passes')])
    await reader.count(1)
    await failures.count(quickRedelivery.maxAttempts! + 3)
    down = false
    await reader.count(2)
    expect(reader.texts).toEqual(['passes', 'waits'])
    expect(await subscription.lag()).toBe(0)
  })

  it('aborts a call at its deadline and delivers the batch again', async () => {
    const [input, output] = [uniqueName('in'), uniqueName('out')]
    await using bus = await openWith({ [input]: 1, [output]: 1 }, { deadlineMs: 50 })
    await using reader = await Collector.on(bus, output)
    const aborted: string[] = []
    const options = { group: uniqueName('g'), topic: input, maxBatch: 10 }
    await using _ = await bus.subscribe(options, async (batch, signal) => {
      if (aborted.length > 0) return await forward(output)(batch, signal)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      aborted.push(...batch.map(text))
      throw signal.reason
    })
    await bus.publish([message(input, 'cam', 'slow')])
    await reader.count(1)
    expect(aborted).toEqual(['slow'])
    expect(reader.texts).toEqual(['slow'])
  })

  it('ends the subscription when a handler does not react to its abort', async () => {
    const input = uniqueName('in')
    await using bus = await openWith({ [input]: 1 }, { deadlineMs: 20, graceMs: 20 })
    const options = { group: uniqueName('g'), topic: input, maxBatch: 10 }
    const stuck = Promise.withResolvers<readonly Publication[]>()
    await using subscription = await bus.subscribe(options, () => stuck.promise)
    await bus.publish([message(input, 'cam', 'stuck')])
    expect(await subscription.closed.catch((reason: unknown) => reason)).toMatchObject({ code: 'BUS_NO_PROGRESS' })
  })

  it('ends the subscription when a batch fails again and again, and another one takes over from there', async () => {
    const [input, group] = [uniqueName('in'), uniqueName('g')]
    await using bus = await openWith({ [input]: 1 })
    let tries = 0
    await using subscription = await bus.subscribe({ group, topic: input, maxBatch: 10 }, async () => {
      tries += 1
      throw new TypeError('a bug')
    })
    await bus.publish([message(input, 'cam', 'poison')])
    const error = await subscription.closed.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'BUS_NO_PROGRESS', message: expect.stringMatching(/-0-0 /) })
    expect(describeError(error)).toMatch(/-0-0 .*: a bug$/)
    expect(tries).toBe(quickRedelivery.maxAttempts)
    await using reader = await Collector.on(bus, input, group)
    await reader.count(1)
    expect(reader.texts).toEqual(['poison'])
  })

  it('ends the subscription when a handler makes a message that is too large', async () => {
    const [input, output] = [uniqueName('in'), uniqueName('out')]
    await using bus = await openWith({ [input]: 1, [output]: 1 })
    const options = { group: uniqueName('g'), topic: input, maxBatch: 10 }
    await using subscription = await bus.subscribe(options, async () => [
      { topic: output, key: 'cam', value: Buffer.alloc(9 * 1024 * 1024), headers: {} },
    ])
    await bus.publish([message(input, 'cam', 'small')])
    const error = await subscription.closed.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'BUS_NO_PROGRESS', cause: { code: 'BUS_MESSAGE_TOO_LARGE' } })
  })
}
