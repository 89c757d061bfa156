/** Plain publishing: acknowledged by all in-sync replicas, each message once per call, in the order of the calls. */
import type { Publication } from '../bus.ts'
import { messageBytes } from '../message-size.ts'
import { compressionType, type KafkaClients, type KafkaProducer } from './kafka-client.ts'
import { kafkaError } from './kafka-errors.ts'
import type { PartitionSend } from './kafka-messages.ts'
import type { Compression } from './kafka-options.ts'
import type { KafkaRouter } from './kafka-router.ts'
import { slowestLink } from './kafka-sockets.ts'

interface Live {
  readonly producer: KafkaProducer
  readonly connected: Promise<void>
  /** Rejects when it is abandoned. */
  readonly givenUp: Promise<never>
  readonly abandoned: AbortController
}

interface Waiting {
  readonly messages: readonly Publication[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** What is in flight at a time: enough to fill a request for every partition, little enough to be no burden in memory. */
const roundBytes = 32 * 1024 * 1024
/** Waited at the end for messages that brokers have not acknowledged yet. */
const closeWithinMs = 5_000

/**
 * One send at a time: kafkajs gives back the sequence numbers of a failed request, and a send that runs beside it would
 * take them, so that the broker drops one message as a repetition of the other. What is published meanwhile goes
 * together in the next round, which makes up for it.
 */
export class KafkaPublisher implements AsyncDisposable {
  readonly #clients: KafkaClients
  readonly #router: KafkaRouter
  readonly #compression: (topic: string) => Compression
  readonly #waiting: Waiting[] = []
  readonly #timeoutMs: number
  #live: Live | undefined
  #working: Promise<void> | undefined

  constructor(
    clients: KafkaClients,
    router: KafkaRouter,
    compression: (topic: string) => Compression,
    timeoutMs: number,
  ) {
    this.#clients = clients
    this.#router = router
    this.#compression = compression
    this.#timeoutMs = timeoutMs
  }

  /** @throws BUS_MESSAGE_TOO_LARGE, BUS_TOPIC_MISSING; BUS_UNAVAILABLE, after which the messages may be there or not */
  async publish(messages: readonly Publication[]): Promise<void> {
    this.#router.assertSizes(messages)
    if (messages.length === 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ messages, resolve, reject })
    this.#working ??= this.#work()
    await promise
  }

  /** Waits a moment for what is on its way; what isn't through by then is refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    const abandon = setTimeout(() => this.#abandon(), closeWithinMs)
    await this.#working
    clearTimeout(abandon)
    const live = this.#live
    this.#live = undefined
    await live?.producer.disconnect()
  }

  /** Never rejects: each caller hears of its own messages. */
  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const round = await this.#take()
      try {
        const sends = await this.#router.route(round.flatMap(({ messages }) => messages))
        await this.#send(sends)
        for (const { resolve } of round) resolve()
      } catch (error) {
        for (const { reject } of round) reject(error)
      }
    }
    this.#working = undefined
  }

  /** The next calls whose topics exist. */
  async #take(): Promise<readonly Waiting[]> {
    const round: Waiting[] = []
    for (let bytes = 0; this.#waiting.length > 0 && bytes < roundBytes; ) {
      const next = this.#waiting.shift()!
      try {
        for (const { topic } of next.messages) await this.#router.partitions(topic)
        // Only now is it known what the topic takes.
        this.#router.assertSizes(next.messages)
        round.push(next)
        for (const message of next.messages) bytes += messageBytes(message)
      } catch (error) {
        next.reject(error)
      }
    }
    return round
  }

  async #send(sends: readonly PartitionSend[]): Promise<void> {
    for (const { topic, messages } of sends) {
      const live = this.#live ?? this.#connect()
      this.#live = live
      const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
      const timer = setTimeout(() => this.#abandon(), this.#timeoutMs + bytes / slowestLink)
      const request = {
        topic,
        messages: [...messages],
        acks: -1,
        compression: compressionType(this.#compression(topic)),
      }
      try {
        await Promise.race([live.connected.then(() => live.producer.send(request)), live.givenUp])
      } catch (error) {
        // The outcome of the request is unknown, so its sequence numbers can't be used again.
        this.#abandon()
        throw kafkaError(`publishing to ${topic}`, error)
      } finally {
        clearTimeout(timer)
      }
    }
  }

  #connect(): Live {
    const abandoned = new AbortController()
    const { promise: givenUp, reject } = Promise.withResolvers<never>()
    const producer = this.#clients.idempotentProducer(abandoned.signal)
    const connected = producer.connect()
    abandoned.signal.addEventListener('abort', () => {
      reject(new Error('no answer in time'))
      // Once it is connected: disconnecting earlier would not stop it.
      void connected.then(() => producer.disconnect()).catch(() => undefined)
    })
    return { producer, connected, givenUp, abandoned }
  }

  #abandon(): void {
    this.#live?.abandoned.abort()
    this.#live = undefined
  }
}
