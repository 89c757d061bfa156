/** A reader for tests: keeps what a group gets and wakes whoever waits for it. */
import type { Bus, Delivery, Handler, Publication, Subscription } from '@sightline/shared/bus/bus.ts'

export class Collector {
  readonly deliveries: Delivery[] = []
  readonly batches: (readonly Delivery[])[] = []
  readonly #waiting = new Set<() => void>()

  /** Keeps the batch and publishes nothing. */
  readonly handler: Handler = async (batch) => {
    this.add(batch)
    return []
  }

  /** Reads a topic with a group of its own. */
  static async on(bus: Bus, topic: string, group = `${topic}-collector`): Promise<Collector & AsyncDisposable> {
    const collector = new Collector()
    const subscription = await bus.subscribe({ group, topic, maxBatch: 100 }, collector.handler)
    return Object.assign(collector, { [Symbol.asyncDispose]: () => subscription[Symbol.asyncDispose]() })
  }

  get texts(): readonly string[] {
    return this.deliveries.map(text)
  }

  add(batch: readonly Delivery[]): void {
    this.batches.push(batch)
    this.deliveries.push(...batch)
    for (const wake of this.#waiting) wake()
  }

  /** Resolves once the deliveries fulfil the condition. */
  async until(condition: (deliveries: readonly Delivery[]) => boolean): Promise<void> {
    while (!condition(this.deliveries)) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }

  count(messages: number): Promise<void> {
    return this.until((deliveries) => deliveries.length >= messages)
  }
}

export const text = (delivery: Delivery): string => Buffer.from(delivery.value ?? []).toString()

export function message(topic: string, key: string, value: string): Publication {
  return { topic, key, value: Buffer.from(value), headers: {} }
}

/** `count` messages over `keys` keys whose values are `<key>:<number>`, numbered from `first` for each key. */
export function numbered(topic: string, keys: number, count: number, first = 0): readonly Publication[] {
  return Array.from({ length: count }, (_, index) => {
    const key = `key-${index % keys}`
    return message(topic, key, `${key}:${first + Math.floor(index / keys)}`)
  })
}

/** A stage that hands every message on to `topic` unchanged. */
export const forward =
  (topic: string): Handler =>
  async (batch) =>
    batch.map(({ key, value, headers }) => ({ topic, key, value, headers }))

/** What is wrong with a copy of `sent`: messages missing, there twice, or behind a later one of their key; each by name and place. */
export function compare(sent: readonly Publication[], got: readonly Delivery[]): Books {
  const wanted = new Set(sent.map(({ value }) => Buffer.from(value ?? []).toString()))
  const seen = new Map<string, string>()
  const latest = new Map<string, number>()
  const doubles: string[] = []
  const outOfOrder: string[] = []
  for (const delivery of got) {
    const value = text(delivery)
    const place = placeOf(delivery)
    const before = seen.get(value)
    if (before !== undefined) doubles.push(`${value} at ${before} and ${place}`)
    seen.set(value, place)
    const number = Number(value.slice(value.lastIndexOf(':') + 1))
    if (number <= (latest.get(delivery.key) ?? -1)) outOfOrder.push(`${value} at ${place}`)
    latest.set(delivery.key, number)
  }
  return { missing: [...wanted].filter((value) => !seen.has(value)), doubles, outOfOrder }
}

/**
 * The messages as they lie in their topic. A reader whose turn ended before its commit is given some again, from the same
 * places: no message was written twice for that.
 */
export function asWritten(deliveries: readonly Delivery[]): readonly Delivery[] {
  return [...new Map(deliveries.map((delivery) => [placeOf(delivery), delivery])).values()]
}

const placeOf = ({ partition, offset }: Delivery): string => `${partition}@${offset}`

export interface Books {
  readonly missing: readonly string[]
  readonly doubles: readonly string[]
  readonly outOfOrder: readonly string[]
}

export const clean: Books = { missing: [], doubles: [], outOfOrder: [] }

/** Subscriptions of one group that all forward `from` to `to`. */
export function forwarder(bus: Bus, group: string, from: string, to: string): Promise<Subscription> {
  return bus.subscribe({ group, topic: from, maxBatch: 10 }, forward(to))
}
