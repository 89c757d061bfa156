/** The options of commands that talk to Kafka: the services' environment variables, and what is most often overridden. */
import { readFile } from 'node:fs/promises'
import type { KafkaConnection } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { type Topics, topicNames } from '@sightline/shared/contracts/topics.ts'
import { readKafkaSettings } from '@sightline/shared/process/kafka-settings.ts'
import { type Terminal, text, type Values } from './command.ts'

export const kafkaOptions = { brokers: { type: 'string' }, 'topic-prefix': { type: 'string' } } as const

export const kafkaHelp = `  --brokers HOST:PORT,…   brokers to start from (default: SIGHTLINE_KAFKA_BROKERS, else localhost:9092)
  --topic-prefix PREFIX   in front of the topics (default: SIGHTLINE_TOPIC_PREFIX)

TLS and a log-in are set by SIGHTLINE_KAFKA_… as for the services: node services/detector/main.ts --help`

export interface Kafka {
  readonly connection: KafkaConnection
  readonly prefix: string
  readonly topics: Topics
}

/** Throws CONFIG_INVALID. */
export async function kafkaOf(values: Values, { env }: Pick<Terminal, 'env'>): Promise<Kafka> {
  const brokers = text(values, 'brokers')
  const environment = brokers === undefined ? env : { ...env, SIGHTLINE_KAFKA_BROKERS: brokers }
  const { connection, topicPrefix } = await readKafkaSettings(environment, (path) => readFile(path, 'utf8'))
  const prefix = text(values, 'topic-prefix') ?? topicPrefix
  return { connection, prefix, topics: topicNames(prefix) }
}
