/** State in Redis, shared by all instances. While Redis is away or frozen every command fails at once: no frame is held up. */
import { Redis } from 'ioredis'
import { describeError, SightlineError } from '../errors/errors.ts'
import type { State } from './state.ts'

export interface RedisStateOptions {
  /** `redis://[user:password@]host:port[/db]`, or `rediss://` for TLS. */
  readonly url: string
  /** In front of every key. @default 'sightline:' */
  readonly prefix?: string
  /** ms that one command may take. @default 500 */
  readonly commandTimeoutMs?: number
}

const connectTimeoutMs = 2000
const reconnectMaxMs = 2000

export class RedisState implements State {
  readonly #redis: Redis
  readonly #place: string
  readonly #prefix: string
  readonly #commandTimeoutMs: number
  /** Why there is no connection, without the log-in. */
  #problem: string | undefined
  /** The first connection stands or has failed. Later ones are not waited for. */
  readonly #tried: Promise<void>

  /** Connects in the background, and again whenever the connection is lost. Throws CONFIG_INVALID for what is no URL of Redis. */
  constructor({ url, prefix = 'sightline:', commandTimeoutMs = 500 }: RedisStateOptions) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined
    if (parsed === undefined || !['redis:', 'rediss:'].includes(parsed.protocol)) {
      throw new SightlineError('CONFIG_INVALID', 'the URL of Redis does not begin with redis:// or rediss://')
    }
    const database = parsed.pathname.slice(1)
    if (!/^\d*$/.test(database)) {
      const advice = 'no number of a database; a / in a password is written as %2F'
      throw new SightlineError('CONFIG_INVALID', `what follows the host in the URL of Redis is ${advice}`)
    }
    this.#place = parsed.host + (database === '' ? '' : `/${database}`)
    this.#prefix = prefix
    this.#commandTimeoutMs = commandTimeoutMs
    this.#redis = new Redis(url, {
      connectTimeout: connectTimeoutMs,
      commandTimeout: commandTimeoutMs,
      // A connection on which nothing comes is given up, lest every command waits out its time, and frames to be kept pile up
      // in its buffer. Longer than a command's time: it may have been this process that was held up.
      socketTimeout: 2 * commandTimeoutMs,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), reconnectMaxMs),
    })
    // Told with the next command; without a listener it would end the process.
    this.#redis.on('error', (error: Error) => {
      this.#problem = this.#reason(error) ?? this.#problem
      // The client would go on in database 0, where the keys of others may be.
      if (isOfSelect(error)) this.#redis.disconnect(true)
    })
    this.#redis.on('ready', () => {
      this.#problem = undefined
    })
    this.#tried = new Promise((resolve) => {
      this.#redis.once('ready', resolve).once('close', resolve)
    })
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<string> {
    const held = await this.#run((redis) => redis.set(this.#prefix + key, owner, 'PX', ttlMs, 'NX', 'GET'))
    return held ?? owner
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#run((redis) => redis.getBuffer(this.#prefix + key))) ?? undefined
  }

  async set(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    await this.#run((redis) => redis.set(this.#prefix + key, bytes, 'PX', ttlMs))
  }

  async delete(key: string): Promise<void> {
    await this.#run((redis) => redis.del(this.#prefix + key))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect()
  }

  async #run<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      await this.#tried
      return await command(this.#redis)
    } catch (cause) {
      const reason = this.#problem ?? this.#reason(cause) ?? 'the connection was lost'
      throw new SightlineError('STATE_UNAVAILABLE', `Redis at ${this.#place} can't be used: ${reason}`, {
        retryable: true,
      })
    }
  }

  /** Undefined where the client only says that it has no connection, and not why. */
  #reason(error: unknown): string | undefined {
    const text = describeError(error)
    if (text.startsWith('Stream isn')) return undefined
    return /^(Command timed out|Socket timeout)/.test(text) ? `no answer within ${this.#commandTimeoutMs} ms` : text
  }
}

const isOfSelect = (error: Error): boolean =>
  'command' in error && (error.command as { readonly name?: string } | undefined)?.name === 'select'
