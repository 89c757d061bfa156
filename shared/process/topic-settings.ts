/** How a deployment's topics are made: by `sightline topics create`, in Compose by the service `topics`. */
import { defaultTopicPlan, type TopicPlanOptions } from '../contracts/topic-plan.ts'
import { settingGroup, type ValuesOf } from './settings.ts'
import { take } from './take.ts'

const { partitions, replication, retentionHours, longRetentionHours } = defaultTopicPlan

export const topicSettings = settingGroup({
  topicPartitions: {
    schema: take.integer(1, 10_000).default(partitions),
    help: 'partitions of every topic: the most instances of a service that share the work',
    flag: { name: 'partitions', value: 'N' },
  },
  topicReplication: {
    schema: take.integer(1, 10_000).default(replication),
    help: 'copies of every topic; 3 where there are that many brokers',
    flag: { name: 'replication', value: 'N' },
  },
  retentionHours: {
    schema: take.number(0.001, 1e6).default(retentionHours),
    help: 'frames, detections and embeddings are kept so long',
    flag: { value: 'H' },
  },
  longRetentionHours: {
    schema: take.number(0.001, 1e6).default(longRetentionHours),
    help: 'recognition events and dead letters are kept so long',
    flag: { value: 'H' },
  },
  retentionGb: {
    schema: take.number(0.001, 1e6).optional(),
    help: 'most GB of a topic; beyond them the oldest messages go, also those that nobody has read',
    flag: { value: 'GB' },
  },
})

/** The plan that the settings come to, for topics with that prefix. */
export const topicPlanOf = (values: ValuesOf<typeof topicSettings>, prefix: string): TopicPlanOptions => ({
  prefix,
  partitions: values.topicPartitions,
  replication: values.topicReplication,
  retentionHours: values.retentionHours,
  longRetentionHours: values.longRetentionHours,
  retentionBytes: values.retentionGb === undefined ? null : values.retentionGb * 1e9,
})
