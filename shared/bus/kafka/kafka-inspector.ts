/** Looks at topics from outside: which topic a name means now, where its logs begin and really end, and who holds one of them open. */
import type { KafkaClients } from './kafka-client.ts'
import { isMissingTopic, isProtocolError, kafkaError } from './kafka-errors.ts'
import {
  type ClusterAnswer,
  describeProducersKey,
  describeProducersRequest,
  listTransactionsKey,
  listTransactionsRequest,
  metadataKey,
  metadataRequest,
  metadataVersion,
  type TopicAnswer,
} from './kafka-requests.ts'
import type { Broker, BrokerPool } from './kafka-wire.ts'

export type { TopicAnswer } from './kafka-requests.ts'

/** Offsets of one partition's log. */
export interface LogRange {
  /** Of the oldest message that retention has left. */
  readonly low: bigint
  /** Up to here all transactions have ended: the end for `read_committed` readers. */
  readonly stable: bigint
  /** Behind the last message, whether its transaction has ended or not. */
  readonly high: bigint
}

/** Isolation levels and timestamps of the protocol's ListOffsets. */
const [uncommitted, committed] = [0, 1]
const [latest, earliest] = [-1, -2]

interface Session {
  readonly pool: BrokerPool
  readonly brokers: Map<number, Broker>
}

/** Connects at the first use. Every method throws BUS_UNAVAILABLE where the brokers do not answer. */
export class KafkaInspector implements AsyncDisposable {
  readonly #clients: KafkaClients
  #session: Session | undefined
  /** Asked for by callers that came after the request under way had begun, by topic. */
  readonly #waiting = new Map<string, Promise<TopicAnswer | null>>()
  #running: Promise<unknown> = Promise.resolve()

  constructor(clients: KafkaClients) {
    this.#clients = clients
  }

  /** The topic as it is at some moment after the call; null where there is none. Many callers share one request. */
  topic(name: string): Promise<TopicAnswer | null> {
    const known = this.#waiting.get(name)
    if (known !== undefined) return known
    const next = this.#running.then(() => {
      this.#waiting.delete(name)
      return this.#topic(name)
    })
    this.#waiting.set(name, next)
    this.#running = next.catch(() => undefined)
    return next
  }

  /** Of the partitions that have a leader. */
  async logs(topic: TopicAnswer, partitions: readonly number[]): Promise<ReadonlyMap<number, LogRange>> {
    const byLeader = Map.groupBy(partitions, (partition) => topic.leaders.get(partition) ?? -1)
    const ranges = await Promise.all(
      [...byLeader].map(([leader, own]) => (leader < 0 ? [] : this.#ranges(topic.name, leader, own))),
    )
    return new Map(ranges.flat())
  }

  /** When the first message at or behind `offset` was published, whether its transaction has ended or not. */
  async timestampAt(topic: TopicAnswer, partition: number, offset: bigint): Promise<number | null> {
    const place = { partition, fetchOffset: String(offset), maxBytes: 1 }
    const request = { isolationLevel: uncommitted, maxWaitTime: 0, minBytes: 1, maxBytes: 1 }
    const { responses } = await this.#ask(`reading ${topic.name}`, async (session) => {
      const leader = await brokerOf(session, topic.leaders.get(partition) ?? -1)
      return leader.fetch({ ...request, topics: [{ topic: topic.name, partitions: [place] }] })
    })
    const messages = responses.flatMap(({ partitions }) => partitions.flatMap((found) => found.messages))
    const first = messages.find((message) => BigInt(message.offset) >= offset && message.isControlRecord !== true)
    return first === undefined ? null : Number(first.timestamp)
  }

  /** The transactional id whose open transaction begins at `offset`; null where the brokers do not tell. */
  async holder(topic: TopicAnswer, partition: number, offset: bigint): Promise<string | null> {
    return this.#ask(`looking for open transactions in ${topic.name}`, async (session) => {
      const leader = await brokerOf(session, topic.leaders.get(partition) ?? -1)
      if (leader.versions?.[describeProducersKey] === undefined) return null
      const { producers } = await leader.connectionPool.send(describeProducersRequest(topic.name, partition))
      const open = producers.find(({ openFrom }) => openFrom === offset)
      if (open === undefined || leader.versions[listTransactionsKey] === undefined) return null
      for (const nodeId of [...session.brokers.keys()]) {
        const broker = await brokerOf(session, nodeId)
        const { transactionalIds } = await broker.connectionPool.send(listTransactionsRequest(open.producerId))
        if (transactionalIds[0] !== undefined) return transactionalIds[0]
      }
      return null
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#session !== undefined) await this.#forget(this.#session)
  }

  async #topic(name: string): Promise<TopicAnswer | null> {
    return this.#ask(`looking up topic ${name}`, async (session) => {
      await session.pool.connect()
      const seed = session.pool.seedBroker!
      const hasIds = (seed.versions?.[metadataKey]?.maxVersion ?? 0) >= metadataVersion
      const { brokers, topics } = await (hasIds
        ? seed.connectionPool.send(metadataRequest([name]))
        : withoutIds(seed, name))
      await learn(session, brokers)
      return topics[0] ?? null
    })
  }

  async #ranges(topic: string, leader: number, partitions: readonly number[]): Promise<[number, LogRange][]> {
    return this.#ask(`looking for the ends of ${topic}`, async (session) => {
      const broker = await brokerOf(session, leader)
      const offsets = async (isolationLevel: number, timestamp: number) => {
        const topics = [{ topic, partitions: partitions.map((partition) => ({ partition, timestamp })) }]
        const { responses } = await broker.listOffsets({ isolationLevel, topics })
        const found = responses.flatMap((response) => response.partitions)
        return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]))
      }
      // The real end last: it is never before the others, whatever is published meanwhile.
      const low = await offsets(uncommitted, earliest)
      const stable = await offsets(committed, latest)
      const high = await offsets(uncommitted, latest)
      return partitions.map((partition) => {
        return [partition, { low: low.get(partition)!, stable: stable.get(partition)!, high: high.get(partition)! }]
      })
    })
  }

  /** After a connection's error all are made anew: kafkajs does not repair those that it does not manage. */
  async #ask<T>(doing: string, work: (session: Session) => Promise<T>): Promise<T> {
    this.#session ??= { pool: this.#clients.brokerPool(), brokers: new Map() }
    const session = this.#session
    try {
      return await work(session)
    } catch (error) {
      if (!isProtocolError(error)) void this.#forget(session)
      throw kafkaError(doing, error)
    }
  }

  /** Never rejects. */
  async #forget(session: Session): Promise<void> {
    if (this.#session === session) this.#session = undefined
    const brokers = [...session.brokers.values()]
    await Promise.allSettled([session.pool.disconnect(), ...brokers.map((broker) => broker.disconnect())])
  }
}

async function learn({ pool, brokers }: Session, found: ClusterAnswer['brokers']): Promise<void> {
  const { connectionPoolBuilder, createBroker, rootLogger, versions } = pool
  for (const [nodeId, { host, port }] of found) {
    const known = brokers.get(nodeId)?.connectionPool
    if (known !== undefined && known.host === host && known.port === port) continue
    const connectionPool = await connectionPoolBuilder.build({ host, port })
    brokers.set(nodeId, createBroker({ nodeId, connectionPool, logger: rootLogger, versions }))
  }
}

async function brokerOf({ pool, brokers }: Session, nodeId: number): Promise<Broker> {
  const broker = brokers.get(nodeId)
  if (broker === undefined) throw new Error(`no broker ${nodeId} is known`)
  await pool.connectBroker(broker)
  return broker
}

/** Brokers before 2.8 know topics by their names only. */
async function withoutIds(broker: Broker, name: string): Promise<ClusterAnswer> {
  try {
    const { brokers, topicMetadata } = await broker.metadata([name])
    return {
      brokers: new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])),
      topics: topicMetadata.map(({ topic, partitionMetadata }) => {
        const leaders = new Map(partitionMetadata.map(({ partitionId, leader }) => [partitionId, leader]))
        return { name: topic, id: null, leaders }
      }),
    }
  } catch (error) {
    if (isMissingTopic(error)) return { brokers: new Map(), topics: [] }
    throw error
  }
}
