/** How to reach a Kafka cluster and how patient to be with it: plain values, so that a service's configuration can hold them. */
import type { Logger } from '../../errors/logger.ts'

/** The log-in. The password appears in no error and no log line. */
export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** PEM texts. An empty object uses TLS with the certificate authorities of the system. */
export interface KafkaTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface KafkaConnection {
  /** `host:port` of one or more brokers to start from. */
  readonly brokers: readonly string[]
  /** Shown in the brokers' logs and quotas. @default 'sightline' */
  readonly clientId?: string
  readonly tls?: KafkaTls
  readonly sasl?: KafkaSasl
  readonly logger?: Logger
}

export interface KafkaTimes {
  /**
   * A member that is silent for so long has lost its partitions; also how long they stand still after a kill -9.
   * A killed process is best started again after this time: joining earlier makes the whole group wait for the dead member.
   */
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** Within which all members must have joined again after a change. */
  readonly rebalanceTimeoutMs: number
  /** How long a fetch waits for new messages; rebalances and closing wait for it too. */
  readonly maxWaitMs: number
  /** After which the broker aborts a transaction whose owner is gone and whose partition nobody took over. */
  readonly transactionTimeoutMs: number
  /** One request; below the session time-out, or a lost answer costs the membership. */
  readonly requestTimeoutMs: number
  /** How long `publish` tries before it rejects with BUS_UNAVAILABLE: longer than a broker's restart. */
  readonly publishTimeoutMs: number
  /** Without a sign of life from the brokers for so long, a subscription's `closed` rejects. */
  readonly silenceTimeoutMs: number
  /** How often a subscription looks at its topic from outside: whether it is still the same one, and what holds its messages. */
  readonly watchMs: number
}

export const defaultKafkaTimes: KafkaTimes = {
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 500,
  rebalanceTimeoutMs: 10_000,
  maxWaitMs: 100,
  transactionTimeoutMs: 10_000,
  requestTimeoutMs: 4_000,
  publishTimeoutMs: 120_000,
  silenceTimeoutMs: 180_000,
  watchMs: 5_000,
}

/** zstd pays for numbers and JSON; pictures are compressed already. */
export type Compression = 'none' | 'zstd'
