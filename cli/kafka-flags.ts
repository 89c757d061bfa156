/** The options of commands that talk to Kafka: the services' variables, and flags for what is most often overridden. */
import { readFile } from 'node:fs/promises'
import type { KafkaConnection } from '@sightline/shared/bus/kafka/kafka-options.ts'
import { type Topics, topicNames } from '@sightline/shared/contracts/topology.ts'
import { kafkaConnection, kafkaSettings } from '@sightline/shared/process/kafka-settings.ts'
import { describeFlags } from '@sightline/shared/process/settings-help.ts'
import type { Terminal, Values } from './command.ts'
import { flagOptions, readFlags } from './flags.ts'

export const kafkaOptions = flagOptions(kafkaSettings)

export const kafkaHelp = `${describeFlags(kafkaSettings)}

Each can be a variable as well, as SIGHTLINE_KAFKA_BROKERS; TLS and a log-in are set by SIGHTLINE_KAFKA_… as for the
services: node services/detector/main.ts --help`

export interface Kafka {
  readonly connection: KafkaConnection
  readonly prefix: string
  readonly topics: Topics
}

/** Throws USAGE, CONFIG_INVALID. */
export async function kafkaOf(values: Values, terminal: Pick<Terminal, 'env'>): Promise<Kafka> {
  const settings = await readFlags(kafkaSettings, values, terminal)
  const connection = await kafkaConnection(settings, (path) => readFile(path, 'utf8'))
  return { connection, prefix: settings.topicPrefix, topics: topicNames(settings.topicPrefix) }
}
