/** `sightline topics create` and `list`: the topics that a deployment needs, and how those that are there differ. */

import type { TopicSpec } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { describeTopics, ensureTopics, type TopicReport } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { defaultTopicPlan, planTopics } from '@sightline/shared/contracts/topic-plan.ts'
import { type Command, flag, number, type Terminal, type Values } from '../command.ts'
import { type Kafka, kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'

const options = {
  ...kafkaOptions,
  partitions: { type: 'string' },
  replication: { type: 'string' },
  'retention-hours': { type: 'string' },
  'long-retention-hours': { type: 'string' },
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

const { partitions, replication, retentionHours, longRetentionHours } = defaultTopicPlan

const optionsHelp = `  --partitions N          of every topic: the most instances of a service that share the work (default: ${partitions})
  --replication N         copies of every topic; 3 where there are that many brokers (default: ${replication})
  --retention-hours H     frames and what is made of them are kept (default: ${retentionHours})
  --long-retention-hours H  recognition events and dead letters are kept (default: ${longRetentionHours})
  --strict                exit code 1 where a topic is not as it should be
  --json                  a JSON line a topic
${kafkaHelp}`

export const topicsCreateCommand: Command = {
  name: 'topics create',
  summary: 'create the topics that are missing, and show how the others differ',
  help: `Usage: sightline topics create [OPTIONS]

A topic that is there is left as it is, whatever it is like: more partitions would part a camera's frames.

${optionsHelp}

Example: sightline topics create --brokers kafka:9092 --partitions 24 --replication 3`,
  options,
  run: (values, _positionals, terminal) => report(values, terminal, ensureTopics),
}

export const topicsListCommand: Command = {
  name: 'topics list',
  summary: 'show which topics are there, and how they differ from what they should be',
  help: `Usage: sightline topics list [OPTIONS]

${optionsHelp}

Example: sightline topics list --strict`,
  options,
  run: (values, _positionals, terminal) => report(values, terminal, describeTopics),
}

async function report(
  values: Values,
  terminal: Terminal,
  look: (connection: Kafka['connection'], specs: readonly TopicSpec[]) => Promise<readonly TopicReport[]>,
): Promise<number> {
  const { connection, prefix } = await kafkaOf(values, terminal)
  const whole = (name: string) => number(values, name, { min: 1, max: 10_000, integer: true })
  const hours = (name: string) => number(values, name, { min: 0.001, max: 1e6 })
  const specs = planTopics({
    prefix,
    partitions: whole('partitions') ?? partitions,
    replication: whole('replication') ?? replication,
    retentionHours: hours('retention-hours') ?? retentionHours,
    longRetentionHours: hours('long-retention-hours') ?? longRetentionHours,
  })
  const reports = await look(connection, specs)
  for (const topic of reports) terminal.out(flag(values, 'json') ? JSON.stringify(topic) : lines(topic))
  const isRight = reports.every(({ state, differences }) => state !== 'missing' && differences.length === 0)
  return flag(values, 'strict') && !isRight ? 1 : 0
}

const lines = ({ name, state, differences }: TopicReport): string =>
  [
    `${name.padEnd(24)} ${state}`,
    ...differences.map(({ setting, wanted, found }) => `  ${setting} is ${found}, not ${wanted}`),
  ].join('\n')
