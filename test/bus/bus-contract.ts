/** What every bus driver promises; each driver's test file runs this suite on it. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Publication } from '@sightline/shared/bus/bus.ts'
import { partitioner } from '@sightline/shared/bus/partitioner.ts'
import type { RedeliveryOptions } from '@sightline/shared/bus/redelivery.ts'
import { SightlineError } from '@sightline/shared/service/errors.ts'
import { describe, expect, it } from 'vitest'
import { Collector, clean, compare, forward, forwarder, message, numbered, text } from './collector.ts'

export interface BusSetup {
  /** Partition counts of the topics the case uses. */
  readonly topics: Readonly<Record<string, number>>
  readonly redelivery?: Partial<RedeliveryOptions>
}

export interface BusDriver {
  readonly name: string
  /**
   * Why readers may see an output again where members come and go; absent for drivers that commit outputs and offsets as one.
   */
  readonly repeats?: string
  open(setup: BusSetup): Promise<Bus>
}

/** Short waits, so that a case about redelivery takes no longer than others. */
const quick: Partial<RedeliveryOptions> = { initialBackoffMs: 5, maxBackoffMs: 20, maxAttempts: 3 }
const mebibyte = 1024 * 1024

export function busContract({ name, repeats, open }: BusDriver): void {
  const openWith = (topics: Record<string, number>, redelivery: Partial<RedeliveryOptions> = {}) =>
    open({ topics, redelivery: { ...quick, ...redelivery } })
  const uniqueName = (purpose: string) => `${purpose}-${randomUUID().slice(0, 8)}`
  /** Reads on until all that was sent has arrived, and compares. */
  const expectAll = async (sent: readonly Publication[], reader: Collector) => {
    await reader.until((deliveries) => new Set(deliveries.map(text)).size >= sent.length)
    const books = compare(sent, reader.deliveries)
    expect(repeats === undefined ? books : { ...books, doubles: 0, outOfOrder: 0 }).toEqual(clean)
  }
  const closedOf = async (promise: Promise<void>): Promise<unknown> =>
    promise.then(
      () => 'resolved',
      (error: unknown) => error,
    )

  describe(`${name}: messages`, () => {
    it('delivers what was published before and after the group first came, in the order of each key', async () => {
      const input = uniqueName('in')
      await using bus = await openWith({ [input]: 3 })
      const sent = [...numbered(input, 5, 100), ...numbered(input, 5, 100, 20)]
      await bus.publish(sent.slice(0, 100))
      await using reader = await Collector.on(bus, input)
      for (const publication of sent.slice(100)) await bus.publish([publication])
      await reader.count(sent.length)
      expect(compare(sent, reader.deliveries)).toEqual(clean)
    })

    it('keeps value, key, headers and time, and says where the message lies', async () => {
      const input = uniqueName('in')
      await using bus = await openWith({ [input]: 3 })
      await using reader = await Collector.on(bus, input)
      const before = Date.now()
      const headers = { ce_id: 'a', label: 'Müsli 500 g', empty: '' }
      await bus.publish([{ topic: input, key: 'cam-1', value: Buffer.from([0, 255, 10]), headers }])
      await reader.count(1)
      const delivery = reader.deliveries[0]!
      expect(delivery).toMatchObject({ topic: input, key: 'cam-1', headers, offset: 0n })
      expect([...delivery.value!]).toEqual([0, 255, 10])
      expect(delivery.partition).toBe(partitioner()(input, 'cam-1', 3))
      expect(delivery.timestamp).toBeGreaterThanOrEqual(before)
    })

    it('carries tombstones, empty values and messages without a key', async () => {
      const input = uniqueName('in')
      await using bus = await openWith({ [input]: 1 })
      await using reader = await Collector.on(bus, input)
      await bus.publish([
        { topic: input, key: 'gone', value: null, headers: {} },
        { topic: input, key: 'empty', value: new Uint8Array(0), headers: {} },
        { topic: input, key: '', value: Buffer.from('x'), headers: {} },
      ])
      await reader.count(3)
      expect(reader.deliveries.map(({ key, value }) => [key, value?.byteLength ?? null])).toEqual([
        ['gone', null],
        ['empty', 0],
        ['', 1],
      ])
    })

    it('spreads messages without a key over the partitions', async () => {
      const input = uniqueName('in')
      await using bus = await openWith({ [input]: 3 })
      await using reader = await Collector.on(bus, input)
      await bus.publish(Array.from({ length: 6 }, (_, index) => message(input, '', String(index))))
      await reader.count(6)
      expect(new Set(reader.deliveries.map((delivery) => delivery.partition)).size).toBe(3)
    })

    it('hands the handler batches of one partition, in order and no longer than asked for', async () => {
      const input = uniqueName('in')
      await using bus = await openWith({ [input]: 3 })
      await bus.publish(numbered(input, 9, 90))
      const reader = new Collector()
      await using _ = await bus.subscribe({ group: uniqueName('g'), topic: input, maxBatch: 7 }, reader.handler)
      await reader.count(90)
      for (const batch of reader.batches) {
        expect(batch.length).toBeLessThanOrEqual(7)
        expect(new Set(batch.map((delivery) => delivery.partition)).size).toBe(1)
        expect(batch.map((delivery) => delivery.offset)).toEqual(
          batch.map((delivery) => delivery.offset).toSorted((a, b) => (a < b ? -1 : 1)),
        )
      }
    })

    it('passes values of 900 kB and 7 MiB, as input and as output', async () => {
      const [input, output] = [uniqueName('in'), uniqueName('out')]
      await using bus = await openWith({ [input]: 1, [output]: 1 })
      await using reader = await Collector.on(bus, output)
      await using _ = await forwarder(bus, uniqueName('g'), input, output)
      const values = [Buffer.alloc(900_000, 'ab'), Buffer.alloc(7 * mebibyte, 'xyz')]
      for (const value of values) await bus.publish([{ topic: input, key: 'cam', value, headers: {} }])
      await reader.count(2)
      for (const [index, value] of values.entries()) {
        expect(Buffer.compare(reader.deliveries[index]!.value!, value)).toBe(0)
      }
    })

    it('refuses a message of 9 MiB, and all that was to be published with it', async () => {
      const input = uniqueName('in')
      await using bus = await openWith({ [input]: 1 })
      await using reader = await Collector.on(bus, input)
      const large = { topic: input, key: 'cam-9', value: Buffer.alloc(9 * mebibyte), headers: {} }
      const refused = bus.publish([message(input, 'cam-1', 'beside it'), large])
      await expect(refused).rejects.toMatchObject({ code: 'BUS_MESSAGE_TOO_LARGE', retryable: false })
      await expect(refused).rejects.toThrow(/cam-9.* 9\.00 MiB.* 8\.00 MiB/)
      await bus.publish([message(input, 'cam-1', 'after it')])
      await reader.count(1)
      expect(reader.texts).toEqual(['after it'])
    })

    it('publishes nothing when there is nothing to publish', async () => {
      await using bus = await openWith({})
      await expect(bus.publish([])).resolves.toBeUndefined()
    })
  })

  describe(`${name}: groups`, () => {
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

    it('counts what is published but not committed', async () => {
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
      await reader.count(1)
      expect(await subscription.lag()).toBe(24)
      gate.resolve()
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
  })

  describe(`${name}: failures`, () => {
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
      await failures.count(quick.maxAttempts! + 3)
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
      expect(await closedOf(subscription.closed)).toMatchObject({ code: 'BUS_NO_PROGRESS' })
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
      const error = await closedOf(subscription.closed)
      expect(error).toMatchObject({ code: 'BUS_NO_PROGRESS', message: expect.stringMatching(/-0-0 .*a bug/) })
      expect(tries).toBe(quick.maxAttempts)
      await using reader = await Collector.on(bus, input, group)
      await reader.count(1)
      expect(reader.texts).toEqual(['poison'])
    })
  })

  describe(`${name}: closing`, () => {
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
  })
}
