/** The topics a deployment needs: creates those that are missing and says how the others differ, without ever changing one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SightlineError } from '../../errors/errors.ts'
import { type KafkaAdmin, KafkaClients, topicResource } from './kafka-client.ts'
import { isMissingTopic, kafkaError } from './kafka-errors.ts'
import { defaultKafkaTimes, type KafkaConnection } from './kafka-options.ts'

/** Some ms on a calm broker. */
const appearsWithinMs = 30_000
const appearsPollMs = 20

/** A topic as it should be. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  /** Settings that differ from the broker's defaults, as `{ 'max.message.bytes': '8388608' }`. */
  readonly config: Readonly<Record<string, string>>
}

export interface TopicDifference {
  /** `partitions`, `replication` or the name of a setting. */
  readonly setting: string
  readonly wanted: string
  readonly found: string
}

export interface TopicReport {
  readonly name: string
  /** `created` only from `ensureTopics`. */
  readonly state: 'missing' | 'created' | 'present'
  /** Of a topic that was there already. Left as it is: more partitions would part a key's messages, and other settings may be meant. */
  readonly differences: readonly TopicDifference[]
}

/** Creates what is missing. Two that do so at the same time are both right. */
export async function ensureTopics(
  connection: KafkaConnection,
  specs: readonly TopicSpec[],
): Promise<readonly TopicReport[]> {
  return withAdmin(connection, async (admin) => {
    const before = await reportTopics(admin, specs)
    const missing = specs.filter((_, index) => before[index]!.state === 'missing')
    if (missing.length === 0) return before
    await admin.createTopics({
      // kafkajs 2.2.4 fails where the broker it asks has not heard of a new topic yet.
      waitForLeaders: false,
      topics: missing.map(({ name, partitions, replication, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: Object.entries(config).map(([setting, value]) => ({ name: setting, value })),
      })),
    })
    for (const { name } of missing) await appeared(admin, name)
    return before.map((report) => (report.state === 'missing' ? { ...report, state: 'created' as const } : report))
  })
}

/** How the topics are, without changing any. */
export async function describeTopics(
  connection: KafkaConnection,
  specs: readonly TopicSpec[],
): Promise<readonly TopicReport[]> {
  return withAdmin(connection, (admin) => reportTopics(admin, specs))
}

/** Names all that are missing and the command that makes them. */
export function topicsMissing(names: readonly string[]): SightlineError {
  const subject = names.length === 1 ? `topic ${names[0]} does` : `topics ${names.join(', ')} do`
  const message = `${subject} not exist; create the topics with \`sightline topics create\``
  return new SightlineError('BUS_TOPIC_MISSING', message)
}

export interface FoundTopic {
  readonly partitions: number
  readonly replication: number
}

/** Null where there is no such topic. */
export async function findTopic(admin: KafkaAdmin, name: string): Promise<FoundTopic | null> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
    const { partitions } = topics[0]!
    return { partitions: partitions.length, replication: partitions[0]!.replicas.length }
  } catch (error) {
    if (isMissingTopic(error)) return null
    throw kafkaError(`looking up topic ${name}`, error)
  }
}

/** Resolves when the brokers know a topic that was just made. */
async function appeared(admin: KafkaAdmin, name: string): Promise<void> {
  for (const started = performance.now(); (await findTopic(admin, name)) === null; ) {
    if (performance.now() - started > appearsWithinMs) {
      throw new SightlineError('BUS_UNAVAILABLE', `topic ${name} was made, but no broker knows it`, { retryable: true })
    }
    await sleep(appearsPollMs)
  }
}

async function reportTopics(admin: KafkaAdmin, specs: readonly TopicSpec[]): Promise<readonly TopicReport[]> {
  const found = await Promise.all(specs.map(({ name }) => findTopic(admin, name)))
  const present = specs.filter((_, index) => found[index] !== null)
  const configs = await readConfigs(admin, present)
  return specs.map((spec, index): TopicReport => {
    const topic = found[index]
    if (topic === null || topic === undefined) return { name: spec.name, state: 'missing', differences: [] }
    return { name: spec.name, state: 'present', differences: compare(spec, topic, configs.get(spec.name)!) }
  })
}

type Settings = ReadonlyMap<string, string>

async function readConfigs(admin: KafkaAdmin, specs: readonly TopicSpec[]): Promise<ReadonlyMap<string, Settings>> {
  if (specs.length === 0) return new Map()
  const wanted = specs.map(({ name, config }) => ({ type: topicResource, name, configNames: Object.keys(config) }))
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: wanted })
  return new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  )
}

function compare(spec: TopicSpec, found: FoundTopic, settings: Settings): readonly TopicDifference[] {
  const rows: readonly TopicDifference[] = [
    { setting: 'partitions', wanted: String(spec.partitions), found: String(found.partitions) },
    { setting: 'replication', wanted: String(spec.replication), found: String(found.replication) },
    ...Object.entries(spec.config).map(([setting, wanted]) => {
      return { setting, wanted, found: settings.get(setting) ?? '' }
    }),
  ]
  return rows.filter((row) => row.wanted !== row.found)
}

async function withAdmin<T>(connection: KafkaConnection, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = new KafkaClients(connection, defaultKafkaTimes).admin()
  try {
    await admin.connect()
    return await work(admin)
  } catch (error) {
    throw kafkaError(`managing topics on ${connection.brokers.join(', ')}`, error)
  } finally {
    await admin.disconnect()
  }
}
