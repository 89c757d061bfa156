/** What a bus does with messages; part of the contract of every driver. */
import { partitioner } from '@sightline/shared/bus/partitioner.ts'
import { expect, it } from 'vitest'
import { Collector, clean, compare, forwarder, message, numbered } from '../collector.ts'
import type { ContractTools } from './tools.ts'

const mebibyte = 1024 * 1024

export function messagesContract({ openWith, uniqueName }: ContractTools): void {
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
}
