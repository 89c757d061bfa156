/** The topics of a deployment as data: who writes and reads each, what of it has dead letters, what is kept how long. */
import type { Compression } from '../bus/kafka/kafka-options.ts'
import { deadLetterTopic } from './dead-letter-topics.ts'

/** Who stands at the ends of a topic: a service, or the people who run Sightline. */
export type Party = 'you' | 'detector' | 'embedder' | 'matcher'

interface Topic {
  readonly writtenBy: Party
  readonly readBy: Party
  /** What its reader can't process lies in the dead-letter topic beside it. */
  readonly hasDeadLetters: boolean
  /** `short` is time enough to catch up, `long` to come back to it. */
  readonly retention: 'short' | 'long'
  /** Pictures are compressed already: compressing them again, here or in the broker, only loses time. */
  readonly payload: 'pictures' | 'pictures and boxes' | 'numbers' | 'JSON'
}

/** In the order in which a frame comes through them. */
export const topology = {
  frames: { writtenBy: 'you', readBy: 'detector', hasDeadLetters: true, retention: 'short', payload: 'pictures' },
  detections: {
    writtenBy: 'detector',
    readBy: 'embedder',
    hasDeadLetters: true,
    retention: 'short',
    payload: 'pictures and boxes',
  },
  embeddings: {
    writtenBy: 'embedder',
    readBy: 'matcher',
    hasDeadLetters: true,
    retention: 'short',
    payload: 'numbers',
  },
  recognitions: { writtenBy: 'matcher', readBy: 'you', hasDeadLetters: false, retention: 'long', payload: 'JSON' },
} as const satisfies Readonly<Record<string, Topic>>

export type TopicName = keyof typeof topology

/** What each topic is called in a deployment. */
export type Topics = Readonly<Record<TopicName, string>>

export const topicList: readonly TopicName[] = Object.keys(topology) as TopicName[]

/** Default names; a deployment sharing a cluster puts its own prefix in front. */
export const topicNames = (prefix = ''): Topics =>
  Object.fromEntries(topicList.map((name) => [name, `${prefix}${name}`])) as Topics

/** The topics whose messages may end as dead letters. */
export const letteredTopics: readonly TopicName[] = topicList.filter((name) => topology[name].hasDeadLetters)

/** The dead-letter topics of a deployment. */
export const deadLetterTopics = (topics: Topics): readonly string[] =>
  letteredTopics.map((name) => deadLetterTopic(topics[name]))

/** All that a service needs to find: what it reads and writes, and where its dead letters go. */
export function topicsOf(service: Party, topics: Topics): readonly string[] {
  return topicList.flatMap((name) => {
    const { readBy, writtenBy, hasDeadLetters } = topology[name]
    if (readBy === service) return hasDeadLetters ? [topics[name], deadLetterTopic(topics[name])] : [topics[name]]
    return writtenBy === service ? [topics[name]] : []
  })
}

/** What is compressed on its way: JSON shrinks to a third, a picture or a crop does not. */
export function compressionFor(topics: Topics, compression: Compression): (topic: string) => Compression {
  const compressed = new Set(
    topicList.filter((name) => ['numbers', 'JSON'].includes(topology[name].payload)).map((name) => topics[name]),
  )
  return (topic) => (compressed.has(topic) ? compression : 'none')
}
