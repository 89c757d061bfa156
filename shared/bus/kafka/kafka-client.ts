/** Makes kafkajs's clients with our partitions, logging and patience. */
import { SightlineError } from '../../errors/errors.ts'
import { type Logger, silentLogger } from '../../errors/logger.ts'
import { type FindCoordinator, rememberCoordinators } from './kafka-coordinators.ts'
import type { Compression, KafkaConnection, KafkaTimes } from './kafka-options.ts'
import { SharedClusters } from './kafka-shared-clusters.ts'
import { patientSockets } from './kafka-sockets.ts'
import type { BrokerPool } from './kafka-wire.ts'
import { createProducer, type Kafkajs, kafkajs } from './kafkajs.ts'

export type KafkaAdmin = Kafkajs.Admin
export type KafkaConsumer = Kafkajs.Consumer
export type KafkaProducer = Kafkajs.Producer
/** `retire` where something failed: its connections are given to no other one. */
export type TransactionalProducer = KafkaProducer & { readonly retire: () => void }
export type Transaction = Kafkajs.Transaction
export type FetchedBatch = Kafkajs.EachBatchPayload
export type FetchedMessage = Kafkajs.KafkaMessage
export type OutgoingMessage = Kafkajs.Message

export const compressionType = (compression: Compression): Kafkajs.CompressionTypes =>
  compression === 'zstd' ? kafkajs.CompressionTypes.ZSTD : kafkajs.CompressionTypes.None

export const topicResource = kafkajs.ConfigResourceTypes.TOPIC
export const brokerResource = kafkajs.ConfigResourceTypes.BROKER

/** kafkajs' connections to the brokers of one cluster, and what it knows of them. */
interface Cluster {
  readonly brokerPool: BrokerPool
  readonly rootLogger: unknown
  findGroupCoordinator: FindCoordinator
  disconnect(): Promise<void>
}

/**
 * Makes clients that share nothing: kafkajs marks an offset as committed in a cache shared by all clients of one `Kafka`
 * object, even when the transaction is aborted later, and a consumer that reads that cache skips messages.
 */
export class KafkaClients {
  readonly #connection: KafkaConnection
  readonly #times: KafkaTimes
  readonly #shared = new SharedClusters<Cluster>(() => this.#transactionalCluster())

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
    const inner = kafka as unknown as Record<symbol, (options: object) => unknown>
    const name = createClusterOf(kafka)
    const createCluster = inner[name]!
    inner[name] = (options) => createCluster({ ...options, isolationLevel: 0 })
    return kafka.admin()
  }

  /** The brokers themselves, for what kafkajs has no words for. */
  brokerPool(): BrokerPool {
    return this.#cluster({ initialRetryTime: 50, maxRetryTime: 500, retries: 2 }).brokerPool
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
      metadataMaxAge: metadataMaxAgeMs,
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

  /**
   * For one input partition: whoever makes the next one with this id makes all earlier ones fail. Those of many partitions
   * share a few connections; kafkajs would give each its own.
   */
  transactionalProducer(transactionalId: string): TransactionalProducer {
    const { cluster, release, retire } = this.#shared.take()
    const producer = createProducer({
      ...producerOptions,
      cluster,
      logger: cluster.rootLogger,
      transactionalId,
      transactionTimeout: this.#times.transactionTimeoutMs,
      retry: quickRetry,
    })
    return { ...producer, disconnect: release, retire }
  }

  #transactionalCluster(): Cluster {
    const cluster = this.#cluster(quickRetry)
    cluster.findGroupCoordinator = rememberCoordinators(cluster.findGroupCoordinator.bind(cluster))
    return cluster
  }

  #cluster(retry: NonNullable<Kafkajs.KafkaConfig['retry']>): Cluster {
    const kafka = this.#kafka(retry)
    const inner = kafka as unknown as Record<symbol, (options: object) => Cluster>
    const options = { metadataMaxAge: metadataMaxAgeMs, allowAutoTopicCreation: false, maxInFlightRequests: null }
    return inner[createClusterOf(kafka)]!(options)
  }

  #kafka(retry: NonNullable<Kafkajs.KafkaConfig['retry']>, patience: Partial<Kafkajs.KafkaConfig> = {}): Kafkajs.Kafka {
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
      ...(sasl === undefined ? {} : { sasl: sasl as Kafkajs.SASLOptions }),
    })
  }
}

const createClusterName = 'private:Kafka:createCluster'

/** The connection's own patience ends what takes too long. */
const forEver = 2 ** 31 - 1

function createClusterOf(kafka: Kafkajs.Kafka): symbol {
  const name = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === createClusterName)
  if (name === undefined) throw new SightlineError('INTERNAL', `kafkajs has no ${createClusterName} any more`)
  return name
}

/** After this time partitions that were added to a topic are read and written; other clients wait 5 minutes. */
export const metadataMaxAgeMs = 10_000

/** All numbers of a retry are given: kafkajs takes its defaults from NODE_ENV. */
const timing = { initialRetryTime: 5, factor: 0.2, multiplier: 2 }
/** A transaction that meets the end of the one before waits a few ms, not kafkajs's default 300. */
const quickRetry = { ...timing, maxRetryTime: 100, retries: 25 }
/** Outlasts a broker's restart many times over; `silenceTimeoutMs` ends it. */
const steadyRetry = { ...timing, initialRetryTime: 50, maxRetryTime: 500, retries: 1000 }

type PartitionerArgs = {
  readonly message: OutgoingMessage
  readonly partitionMetadata: readonly { partitionId: number }[]
}
/**
 * Partitions are chosen by us before sending: kafkajs may repeat a send, and must then choose the same. What it would send
 * to a partition that it has not heard of yet it would drop and say it is sent; under this name it asks and tries again.
 */
function choosePartition({ message, partitionMetadata }: PartitionerArgs): number {
  if (partitionMetadata.some(({ partitionId }) => partitionId === message.partition)) return message.partition!
  const error = new Error(`partition ${message.partition} is not known yet`)
  throw Object.assign(error, { name: 'KafkaJSMetadataNotLoaded', retriable: true })
}

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
function forwardLog(logger: Logger, { level, namespace, log }: Kafkajs.LogEntry): void {
  const { message, timestamp: _, logger: __, stack: ___, ...fields } = log
  const isNews = level === kafkajs.logLevel.ERROR && namespace === 'Consumer'
  const write = isNews ? logger.warn : logger.debug
  write.call(logger, { ...fields, client: 'kafkajs', namespace }, message)
}
