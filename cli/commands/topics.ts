/** `sightline topics create` and `list`: the topics that a deployment needs, and how those that are there differ. */

import type { TopicSpec } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { describeTopics, ensureTopics, type TopicReport } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { planTopics } from '@sightline/shared/contracts/topic-plan.ts'
import { describeFlags } from '@sightline/shared/process/settings-help.ts'
import { topicPlanOf, topicSettings } from '@sightline/shared/process/topic-settings.ts'
import { type Command, flag, type Terminal, type Values } from '../command.ts'
import { flagOptions, readFlags } from '../flags.ts'
import { type Kafka, kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'

const options = {
  ...kafkaOptions,
  ...flagOptions(topicSettings),
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

const optionsHelp = `${describeFlags(topicSettings)}
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
  const specs = planTopics(topicPlanOf(await readFlags(topicSettings, values, terminal), prefix))
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
