/** What kafkajs has inside and does not show: brokers to send requests to, and the primitive types of the protocol. */

/** A request of the protocol and how its answer is read. Answers carry nothing but values: errors are codes in them. */
export interface WireRequest<Answer> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    readonly encode: () => Promise<WireEncoder>
  }
  readonly response: {
    readonly decode: (bytes: Buffer) => Promise<Answer>
    readonly parse: (answer: Answer) => Promise<Answer>
  }
}

/** `UVarInt` forms are the protocol's "compact" ones. */
export interface WireEncoder {
  writeInt8(value: number): this
  writeInt32(value: number): this
  writeBoolean(value: boolean): this
  writeInt64(value: string): this
  writeUVarInt(value: number): this
  writeUVarIntString(value: string | null): this
  writeBuffer(value: Buffer): this
}

export interface WireDecoder {
  readInt16(): number
  readInt32(): number
  readInt64(): { toString(): string }
  readBoolean(): boolean
  readBytes(length: number): Buffer
  readUVarIntString(): string | null
  readUVarIntArray<T>(read: () => T): T[] | null
  readTaggedFields(): unknown
}

export interface PartitionOffset {
  readonly partition: number
  readonly offset: string
}

export interface Broker {
  readonly connectionPool: {
    readonly host: string
    readonly port: number
    send<Answer>(request: WireRequest<Answer>): Promise<Answer>
  }
  /** The versions of each request that it takes, by API key. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  disconnect(): Promise<void>
  /** In a version that knows no topic ids; rejects where a topic is missing. */
  metadata(topics: readonly string[]): Promise<{
    readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
    readonly topicMetadata: readonly {
      readonly topic: string
      readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[]
    }[]
  }>
  listOffsets(request: {
    readonly isolationLevel: number
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[]
    }[]
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly PartitionOffset[] }[] }>
  fetch(request: {
    readonly isolationLevel: number
    readonly maxWaitTime: number
    readonly minBytes: number
    readonly maxBytes: number
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly {
        readonly partition: number
        readonly fetchOffset: string
        readonly maxBytes: number
      }[]
    }[]
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] }>
}

export interface FetchedPartition {
  readonly messages: readonly {
    readonly offset: string
    readonly timestamp: string
    readonly isControlRecord?: boolean
  }[]
}

export interface BrokerPool {
  /** One of the brokers that are named to start from; there after `connect`. */
  readonly seedBroker: Broker | undefined
  readonly versions: unknown
  readonly rootLogger: unknown
  readonly connectionPoolBuilder: { build(place: { host: string; port: number }): Promise<unknown> }
  connect(): Promise<void>
  disconnect(): Promise<void>
  createBroker(options: object): Broker
  connectBroker(broker: Broker): Promise<void>
}
