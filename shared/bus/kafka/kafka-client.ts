/** The only file that imports kafkajs: makes its clients with our compression, partitions, logging and patience. */
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import type {
  Admin,
  CompressionTypes,
  Consumer,
  EachBatchPayload,
  IHeaders,
  Kafka,
  KafkaConfig,
  KafkaMessage,
  LogEntry,
  Message,
  Producer,
  SASLOptions,
} from 'kafkajs'
import { SightlineError } from '../../errors/errors.ts'
import { type Logger, silentLogger } from '../../errors/logger.ts'
import { type AbortedTransaction, type FetchedRecord, withoutAborted } from './kafka-aborted.ts'
import type { Compression, KafkaConnection, KafkaTimes } from './kafka-options.ts'
import { patientSockets } from './kafka-sockets.ts'

/**
 * kafkajs 2.2.4 lets messages of aborted transactions through where several overlap: it starts at most one of them a
 * message, and in the order in which they ended. Its filter is replaced by ours before it is loaded.
 */
const require = createRequire(import.meta.url)
const filterFile = require.resolve('kafkajs/src/consumer/filterAbortedMessages.js')
require(filterFile)
type FilterArguments = { messages: readonly FetchedRecord[]; abortedTransactions: readonly AbortedTransaction[] | null }
require.cache[filterFile]!.exports = ({ messages, abortedTransactions }: FilterArguments) =>
  withoutAborted(messages, abortedTransactions)
const kafkajs: typeof import('kafkajs') = require('kafkajs')

export type KafkaAdmin = Admin
export type KafkaConsumer = Consumer
export type KafkaProducer = Producer
export type KafkaTransaction = Awaited<ReturnType<Producer['transaction']>>
export type FetchedBatch = EachBatchPayload
export type FetchedMessage = KafkaMessage
export type OutgoingMessage = Message
export type MessageHeaders = IHeaders

/** kafkajs has no zstd of its own; decompression is needed by every consumer. */
const zstd = kafkajs.CompressionTypes.ZSTD
const [compress, decompress] = [promisify(zstdCompress), promisify(zstdDecompress)]
kafkajs.CompressionCodecs[zstd] = () => ({
  compress: async (encoder: { buffer: Buffer }) => compress(encoder.buffer),
  decompress: async (bytes: Buffer) => decompress(bytes),
})

export const compressionType = (compression: Compression): CompressionTypes =>
  compression === 'zstd' ? zstd : kafkajs.CompressionTypes.None

export const topicResource = kafkajs.ConfigResourceTypes.TOPIC

/**
 * Makes clients that share nothing: kafkajs marks an offset as committed in a cache shared by all clients of one `Kafka`
 * object, even when the transaction is aborted later, and a consumer that reads that cache skips messages.
 */
export class KafkaClients {
  readonly #connection: KafkaConnection
  readonly #times: KafkaTimes

  constructor(connection: KafkaConnection, times: KafkaTimes) {
    this.#connection = connection
    this.#times = times
  }

  admin(): KafkaAdmin {
    return this.#kafka({ initialRetryTime: 50, maxRetryTime: 500, retries: 8 }).admin()
  }

  /**
   * An admin to whom a topic ends at its last message, also where that is of a transaction that is still open. kafkajs
   * 2.2.4 asks as a `read_committed` reader and has no option for it: the cluster under the admin is made with the other
   * isolation level (KIP-98's READ_UNCOMMITTED is 0).
   */
  uncommittedAdmin(): KafkaAdmin {
    const kafka = this.#kafka({ initialRetryTime: 50, maxRetryTime: 500, retries: 8 })
    const name = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === createClusterName)
    if (name === undefined) throw new SightlineError('INTERNAL', `kafkajs has no ${createClusterName} any more`)
    const inner = kafka as unknown as Record<symbol, (options: object) => unknown>
    const createCluster = inner[name]!
    inner[name] = (options) => createCluster({ ...options, isolationLevel: 0 })
    return kafka.admin()
  }

  consumer(groupId: string, maxBytesPerPartition: number): KafkaConsumer {
    const times = this.#times
    return this.#kafka(steadyRetry).consumer({
      groupId,
      sessionTimeout: times.sessionTimeoutMs,
      heartbeatInterval: times.heartbeatIntervalMs,
      rebalanceTimeout: times.rebalanceTimeoutMs,
      maxWaitTimeInMs: times.maxWaitMs,
      maxBytesPerPartition,
      maxBytes: maxBytesPerPartition * 4,
      readUncommitted: false,
      allowAutoTopicCreation: false,
      retry: steadyRetry,
    })
  }

  /**
   * For `publish`: each message once, also when an answer is lost and the request repeated. It never gives up by itself,
   * not even in the midst of connecting; after `abandoned` it sends nothing more.
   */
  idempotentProducer(abandoned: AbortSignal): KafkaProducer {
    const retry = { ...timing, maxRetryTime: 500, retries: Number.MAX_SAFE_INTEGER }
    const createPartitioner = () => (args: PartitionerArgs) => {
      if (!abandoned.aborted) return choosePartition(args)
      throw Object.assign(new Error('given up'), { retriable: false })
    }
    const patience = { requestTimeout: forEver, socketFactory: patientSockets(this.#times.requestTimeoutMs) }
    return this.#kafka(retry, patience).producer({ ...producerOptions, createPartitioner, retry })
  }

  /** For one input partition: whoever makes the next one with this id makes all earlier ones fail. */
  transactionalProducer(transactionalId: string): KafkaProducer {
    const transactionTimeout = this.#times.transactionTimeoutMs
    const options = { ...producerOptions, transactionalId, transactionTimeout, retry: quickRetry }
    return this.#kafka(quickRetry).producer(options)
  }

  #kafka(retry: NonNullable<KafkaConfig['retry']>, patience: Partial<KafkaConfig> = {}): Kafka {
    const { brokers, clientId = 'sightline', tls, sasl, logger = silentLogger } = this.#connection
    return new kafkajs.Kafka({
      brokers: [...brokers],
      clientId,
      requestTimeout: this.#times.requestTimeoutMs,
      connectionTimeout: this.#times.requestTimeoutMs,
      retry,
      ...patience,
      logLevel: kafkajs.logLevel.WARN,
      logCreator: () => (entry) => forwardLog(logger, entry),
      ...(tls === undefined ? {} : { ssl: { ...tls } }),
      ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
    })
  }
}

const createClusterName = 'private:Kafka:createCluster'

/** The connection's own patience ends what takes too long. */
const forEver = 2 ** 31 - 1

/** All numbers of a retry are given: kafkajs takes its defaults from NODE_ENV. */
const timing = { initialRetryTime: 5, factor: 0.2, multiplier: 2 }
/** A transaction that meets the end of the one before waits a few ms, not kafkajs's default 300. */
const quickRetry = { ...timing, maxRetryTime: 100, retries: 25 }
/** Outlasts a broker's restart many times over; `silenceTimeoutMs` ends it. */
const steadyRetry = { ...timing, initialRetryTime: 50, maxRetryTime: 500, retries: 1000 }

type PartitionerArgs = { readonly message: Message }
/** Partitions are chosen by us before sending: kafkajs may repeat a send, and must then choose the same. */
const choosePartition = ({ message }: PartitionerArgs): number => message.partition!

const producerOptions = {
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  createPartitioner: () => choosePartition,
}

/**
 * kafkajs logs as errors what it tries again or throws, and what it throws we report. Only the end and the restart of a
 * consumer are news: nobody is there to catch them.
 */
function forwardLog(logger: Logger, { level, namespace, log }: LogEntry): void {
  const { message, timestamp: _, logger: __, stack: ___, ...fields } = log
  const isNews = level === kafkajs.logLevel.ERROR && namespace === 'Consumer'
  const write = isNews ? logger.warn : logger.debug
  write.call(logger, { ...fields, client: 'kafkajs', namespace }, message)
}
