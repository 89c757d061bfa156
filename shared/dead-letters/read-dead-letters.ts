/** Reading dead letters: all that are kept, each with whether it was published again. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery, Handler, Headers } from '../bus/bus.ts'
import type { KafkaBus } from '../bus/kafka/kafka-bus.ts'
import { positionText } from '../bus/position.ts'
import { isRedriveMark, readLetterHeaders, redrivenHeader } from '../contracts/dead-letter.ts'
import { deadLetterTopic } from '../contracts/dead-letter-topics.ts'
import { deadLetterTopics, type TopicName, type Topics } from '../contracts/topology.ts'
import { SightlineError } from '../errors/errors.ts'

/** A message that could not be processed, as it lies in its dead-letter topic. */
export interface DeadLetter {
  /** Where the letter lies: what `show` takes. */
  readonly position: string
  readonly topic: string
  /** Where the message lay that it is about. */
  readonly of: string
  readonly frameId: string
  readonly camera: string
  readonly stage: string
  readonly code: string
  readonly reason: string
  /** ISO 8601. */
  readonly time: string
  /** Of the message that it is about. */
  readonly bytes: number
  /** It holds that message; one that was too large for a letter was left out. */
  readonly isWhole: boolean
  /** How often it was published again before it failed this time. */
  readonly redrives: number
  /** It has been published again. */
  readonly isRedriven: boolean
  readonly headers: Headers
}

/** What reading dead letters takes of a bus. */
export type DeadLetterBus = Pick<KafkaBus, 'subscribe' | 'forgetGroup'>

export interface DeadLetterFilter {
  /** Only of this topic, whatever its prefix. */
  readonly topic?: TopicName | undefined
  readonly code?: string | undefined
  readonly stage?: string | undefined
  readonly camera?: string | undefined
  /** ms since the epoch. */
  readonly since?: number | undefined
}

const pollMs = 50

/** All dead letters that are kept and fit, oldest first, without their bytes: those of a bad day would fill the memory. */
export async function readDeadLetters(
  bus: DeadLetterBus,
  topics: Topics,
  filter: DeadLetterFilter,
): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = []
  const redriven = new Set<string>()
  for (const topic of letterTopics(topics, filter)) {
    await readToEnd(bus, topic, async (batch) => {
      for (const delivery of batch) {
        if (isRedriveMark(delivery)) redriven.add(delivery.headers[redrivenHeader]!)
        else letters.push(toLetter(delivery))
      }
      return []
    })
  }
  return letters
    .filter((letter) => fits(letter, filter))
    .map((letter) => ({ ...letter, isRedriven: redriven.has(letter.position) }))
    .toSorted((a, b) => a.time.localeCompare(b.time))
}

/** The bytes of the message that a letter is about. */
export async function readLetterBytes(bus: DeadLetterBus, letter: DeadLetter): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined
  await readToEnd(bus, letter.topic, async (batch) => {
    const found = batch.find((delivery) => positionText(delivery) === letter.position)
    if (found !== undefined) bytes = found.value ?? new Uint8Array()
    return []
  })
  if (bytes !== undefined) return bytes
  throw new SightlineError('BUS_UNAVAILABLE', `${letter.position} is not there any more`)
}

export const letterTopics = (topics: Topics, { topic }: DeadLetterFilter): readonly string[] =>
  topic === undefined ? deadLetterTopics(topics) : [deadLetterTopic(topics[topic])]

/** Runs a handler over all that can be read of a topic, by a group of its own; `stop` ends it after the batch at work. */
export async function readToEnd(
  bus: DeadLetterBus,
  topic: string,
  handler: Handler,
  stop?: AbortSignal,
): Promise<void> {
  const group = `sightline-dlq-${topic}-${randomUUID()}`
  {
    await using subscription = await bus.subscribe({ group, topic, maxBatch: 100 }, handler)
    while (stop?.aborted !== true && (await Promise.race([subscription.lag(), subscription.closed])) !== 0)
      await sleep(pollMs)
  }
  await bus.forgetGroup(group)
}

function toLetter(delivery: Delivery): DeadLetter {
  const { topic, headers, key, value } = delivery
  const { frameId, stage, code, reason, position, time, leftOut, redrives } = readLetterHeaders(headers)
  return {
    position: positionText(delivery),
    topic,
    of: position,
    frameId,
    camera: key,
    stage,
    code,
    reason,
    time: time ?? timeText(delivery.timestamp),
    bytes: leftOut ?? value?.length ?? 0,
    isWhole: leftOut === null,
    redrives,
    isRedriven: false,
    headers,
  }
}

/** Of what came with a time that is none, the beginning of time. */
function timeText(timestamp: number): string {
  const date = new Date(timestamp)
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString()
}

const fits = (letter: DeadLetter, { code, stage, camera, since }: DeadLetterFilter): boolean =>
  (code === undefined || letter.code === code) &&
  (stage === undefined || letter.stage === stage) &&
  (camera === undefined || letter.camera === camera) &&
  (since === undefined || Date.parse(letter.time) >= since)
