/** What the parts of the contract suite share: a driver to open, and how its promises are checked. */
import { randomUUID } from 'node:crypto'
import type { Bus, Publication } from '@sightline/shared/bus/bus.ts'
import type { RedeliveryOptions } from '@sightline/shared/bus/redelivery.ts'
import { expect } from 'vitest'
import { type Collector, clean, compare, text } from '../collector.ts'

export interface BusSetup {
  /** Partition counts of the topics the case uses. */
  readonly topics: Readonly<Record<string, number>>
  readonly redelivery: Partial<RedeliveryOptions>
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
export const quickRedelivery = { initialBackoffMs: 5, maxBackoffMs: 20, maxAttempts: 3 } as const

export interface ContractTools {
  openWith(topics: Record<string, number>, redelivery?: Partial<RedeliveryOptions>): Promise<Bus>
  uniqueName(purpose: string): string
  /** Reads on until all that was sent has arrived, and compares. */
  expectAll(sent: readonly Publication[], reader: Collector): Promise<void>
}

export function contractTools({ repeats, open }: BusDriver): ContractTools {
  return {
    openWith: (topics, redelivery = {}) => open({ topics, redelivery: { ...quickRedelivery, ...redelivery } }),
    uniqueName: (purpose) => `${purpose}-${randomUUID().slice(0, 8)}`,
    expectAll: async (sent, reader) => {
      await reader.until((deliveries) => new Set(deliveries.map(text)).size >= sent.length)
      const books = compare(sent, reader.deliveries)
      expect(repeats === undefined ? books : { ...books, doubles: [], outOfOrder: [] }).toEqual(clean)
    },
  }
}
