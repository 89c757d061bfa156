/** State in this process's memory: what is forgotten with it was of little worth. */
import type { State } from './state.ts'

interface Entry {
  readonly value: Uint8Array
  readonly until: number
}

/** Keys kept; beyond it the oldest go, though their time has not come. */
const defaultMaxKeys = 100_000

export interface MemoryStateOptions {
  readonly maxKeys?: number
  /** ms since any fixed time. @default Date.now */
  readonly now?: () => number
}

export class MemoryState implements State {
  readonly #entries = new Map<string, Entry>()
  readonly #maxKeys: number
  readonly #now: () => number

  constructor({ maxKeys = defaultMaxKeys, now = Date.now }: MemoryStateOptions = {}) {
    this.#maxKeys = maxKeys
    this.#now = now
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<string> {
    const held = this.#read(key)
    if (held !== undefined) return new TextDecoder().decode(held)
    this.#put(key, new TextEncoder().encode(owner), ttlMs)
    return owner
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(key)
  }

  async set(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    this.#put(key, value, ttlMs)
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#entries.clear()
  }

  #read(key: string): Uint8Array | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.until > this.#now()) return entry?.value
    this.#entries.delete(key)
    return undefined
  }

  #put(key: string, value: Uint8Array, ttlMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#now() + ttlMs })
    // In the order of writing. What has run out goes first; with few keys it may stay a while.
    for (const [oldest, { until }] of this.#entries) {
      if (this.#entries.size <= this.#maxKeys && until > this.#now()) break
      this.#entries.delete(oldest)
    }
  }
}
