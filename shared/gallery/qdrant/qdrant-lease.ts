/**
 * The hold of the one writer of a gallery in Qdrant: a point that its holder renews and that runs out with it. Qdrant sets it
 * only where it still is what the taker has seen (a conditional update), so of two that race for it one gets it.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { otherwise, SightlineError } from '../../errors/errors.ts'
import { busy, thisWriter } from '../writers.ts'
import { type Filter, type QdrantConnection, statusOf } from './qdrant-connection.ts'
import { pointId } from './qdrant-points.ts'

/** Of all galleries of a Qdrant. */
export const leasesCollection = 'sightline-writers'

const holdMs = 10_000
const renewMs = 3_000
/** Whose hold has run out by the taker's clock: as much as two clocks may differ. */
const clockDifferenceMs = 2_000

/** `owner` stays while it is held, `stamp` is new each time it is renewed. */
const record = z.object({ owner: z.string(), stamp: z.string(), who: z.string(), since: z.string(), until: z.number() })

export class QdrantLease implements AsyncDisposable {
  readonly #leases: QdrantConnection
  readonly #gallery: string
  readonly #shown: string
  readonly #since = new Date().toISOString()
  readonly #owner = randomUUID()
  readonly #ended = new AbortController()
  #heldUntil = 0
  #lost: SightlineError | undefined
  #renewing: Promise<void> = Promise.resolve()

  private constructor(leases: QdrantConnection, { shown, collection }: QdrantConnection) {
    this.#leases = leases
    this.#gallery = collection
    this.#shown = shown
  }

  /** Throws GALLERY_BUSY where another one holds it. */
  static async take(gallery: QdrantConnection): Promise<QdrantLease> {
    const lease = new QdrantLease(gallery.sibling(leasesCollection), gallery)
    await lease.#makeCollection()
    const holder = await lease.#read()
    if (holder !== undefined && holder.until + clockDifferenceMs > Date.now()) throw lease.#busy(holder)
    // Not from one that renews it at this very moment: then the stamp is another.
    await lease.#hold(holder === undefined ? { owner: lease.#owner } : { stamp: holder.stamp })
    lease.#renewing = lease.#keepRenewing()
    return lease
  }

  /** Throws GALLERY_BUSY once another one has got it, GALLERY_UNAVAILABLE where that can't be told. */
  async check(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost
    if (performance.now() > this.#heldUntil) await this.renew()
  }

  /** Holds it for the full time again. Throws GALLERY_BUSY where another one has got it. */
  renew(): Promise<void> {
    return this.#hold({ owner: this.#owner })
  }

  /** Lets go of it, if it still is this one's; where Qdrant does not answer it runs out by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended.signal.aborted) return
    this.#ended.abort()
    this.#leases.close()
    await this.#renewing
    const filter = this.#where({ owner: this.#owner })
    const letGo = this.#leases.once((client, leases) => client.delete(leases, { wait: true, filter }))
    await letGo.catch(otherwise(['GALLERY_UNAVAILABLE', 'GALLERY_MISSING']))
  }

  /** Takes it where the one that has it is such a one, or where nobody has. */
  async #hold(expected: { readonly owner: string } | { readonly stamp: string }): Promise<void> {
    const asked = performance.now()
    const owner = this.#owner
    const until = Date.now() + holdMs
    const payload = { owner, stamp: randomUUID(), who: thisWriter(), since: this.#since, until }
    const points = [{ id: this.#id, vector: {}, payload }]
    const update_filter = this.#where(expected)
    await this.#leases.call((client, leases) => client.upsert(leases, { wait: true, points, update_filter }))
    const holder = await this.#read()
    if (holder?.owner !== owner) throw this.#busy(holder)
    this.#heldUntil = asked + holdMs
  }

  async #keepRenewing(): Promise<void> {
    const { signal } = this.#ended
    while (this.#lost === undefined) {
      try {
        await sleep(renewMs, undefined, { signal, ref: false })
      } catch {
        return
      }
      try {
        await this.renew()
      } catch (error) {
        // A Qdrant that is away lets nobody else take it either.
        if (!(error instanceof SightlineError) || error.code !== 'GALLERY_UNAVAILABLE') this.#lost = lossOf(error)
      }
    }
  }

  get #id(): string {
    return pointId(this.#gallery)
  }

  #where(expected: { readonly owner: string } | { readonly stamp: string }): Filter {
    const fields = Object.entries(expected).map(([key, value]) => ({ key, match: { value } }))
    return { must: [{ has_id: [this.#id] }, ...fields] }
  }

  async #read(): Promise<z.infer<typeof record> | undefined> {
    const request = { ids: [this.#id], with_payload: true }
    const [point] = await this.#leases.call((client, leases) => client.retrieve(leases, request))
    return point === undefined ? undefined : record.parse(point.payload)
  }

  async #makeCollection(): Promise<void> {
    try {
      await this.#read()
    } catch (error) {
      if (statusOf(error) !== 404) throw error
      // A collection without any vectors is not for every version.
      const vectors = { unused: { size: 1, distance: 'Dot' } } as const
      await this.#leases.create({ vectors, shard_number: 1 })
    }
    for (const field_name of ['owner', 'stamp']) {
      const index = { field_name, field_schema: 'keyword', wait: true } as const
      await this.#leases.call((client, leases) => client.createPayloadIndex(leases, index))
    }
  }

  #busy(holder: z.infer<typeof record> | undefined): SightlineError {
    if (holder === undefined) return busy(this.#shown, { who: 'a process that just ends', since: 'a moment ago' })
    const { who, since, until } = holder
    return busy(this.#shown, { who, since, until: new Date(until + clockDifferenceMs).toISOString() })
  }
}

const lossOf = (error: unknown): SightlineError =>
  error instanceof SightlineError
    ? error
    : new SightlineError('INTERNAL', 'the hold of the gallery could not be renewed', { cause: error })
