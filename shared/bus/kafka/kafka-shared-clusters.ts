/** A few connections for the producers of many partitions: one that broke is replaced for those who start anew. */

/** What is shared: kafkajs' connections to the brokers of one cluster. */
export interface Shareable {
  disconnect(): Promise<void>
}

export interface Share<Cluster> {
  readonly cluster: Cluster
  /** Given back; the last one closes it. */
  readonly release: () => Promise<void>
  /** Nobody else is given it any more: it failed, and what it knows of the brokers may be wrong. */
  readonly retire: () => void
}

interface Slot<Cluster> {
  readonly cluster: Cluster
  users: number
  isRetired: boolean
}

/** As many partitions have a connection of their own; a broker works on one request of a connection at a time. */
const clusters = 8

export class SharedClusters<Cluster extends Shareable> {
  readonly #make: () => Cluster
  readonly #slots = new Set<Slot<Cluster>>()

  constructor(make: () => Cluster) {
    this.#make = make
  }

  /** The one with the fewest users. */
  take(): Share<Cluster> {
    const open = [...this.#slots].filter(({ isRetired }) => !isRetired)
    const slot = open.length < clusters ? this.#open() : open.reduce((a, b) => (b.users < a.users ? b : a))
    slot.users += 1
    let isReleased = false
    return {
      cluster: slot.cluster,
      retire: () => {
        slot.isRetired = true
      },
      release: async () => {
        if (isReleased) return
        isReleased = true
        slot.users -= 1
        if (slot.users > 0) return
        this.#slots.delete(slot)
        await slot.cluster.disconnect()
      },
    }
  }

  #open(): Slot<Cluster> {
    const slot = { cluster: this.#make(), users: 0, isRetired: false }
    this.#slots.add(slot)
    return slot
  }
}
