/** Reading dead letters, and publishing them again where they came from: each once, whatever is killed in between. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery, Handler, Headers, Publication } from '@sightline/shared/bus/bus.ts'
import type { KafkaBus } from '@sightline/shared/bus/kafka-bus.ts'
import type { SettleOptions } from '@sightline/shared/bus/kafka-settled.ts'
import { redriveOfHeader } from '@sightline/shared/contracts/frame.ts'
import { positionText } from '@sightline/shared/contracts/ids.ts'
import { deadLetterTopic, isDeadLetterTopic, type Topics } from '@sightline/shared/contracts/topics.ts'
import { SightlineError } from '@sightline/shared/service/errors.ts'

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
  readonly bytes: number
  /** How often it was published again before it failed this time. */
  readonly redrives: number
  /** It has been published again. */
  readonly isRedriven: boolean
  readonly headers: Headers
}

/** What reading dead letters takes of a bus. */
export type DeadLetterBus = Pick<KafkaBus, 'subscribe' | 'prepare' | 'settled' | 'forgetGroup'>

/** What has dead letters beside it. */
export const letteredTopics = ['frames', 'detections', 'embeddings'] as const

export interface DeadLetterFilter {
  /** Only of this topic, whatever its prefix. */
  readonly topic?: (typeof letteredTopics)[number] | undefined
  readonly code?: string | undefined
  readonly stage?: string | undefined
  readonly camera?: string | undefined
  /** ms since the epoch. */
  readonly since?: number | undefined
}

/** Marks a letter as published again; lies in the letter's own topic, behind it, and is kept as long. */
const redrivenHeader = 'dlq-redriven'
const redrivesHeader = 'redrives'
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
        if (isMark(delivery)) redriven.add(delivery.headers[redrivenHeader]!)
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

/**
 * The letters that were not published again yet, oldest first; none where `stop` aborts before all marks can be seen.
 * Whoever was killed in the midst of a transaction, a redrive or a service, leaves it open, and it hides the marks behind
 * it, also those of redrives that ended well.
 */
export async function openLetters(
  bus: DeadLetterBus,
  topics: Topics,
  filter: DeadLetterFilter,
  waiting: SettleOptions,
): Promise<readonly DeadLetter[]> {
  for (const topic of letterTopics(topics, filter)) await bus.settled(topic, waiting)
  if (waiting.stop.aborted) return []
  return (await readDeadLetters(bus, topics, filter)).filter(({ isRedriven }) => !isRedriven)
}

/**
 * Publishes letters again, where they came from, as they were. Each letter and the mark that it was published again are
 * one transaction, and nothing is decided before all marks can be seen. So a letter is published again once, also when this
 * is killed and run again. One at a time: of two that run side by side neither sees the other's marks. Returns how many
 * were published; those under way when `stop` aborts are finished.
 *
 * A redriven frame keeps its id, and so replaces what there is of it. It may fail again: then it is a new letter.
 */
export async function redrive(
  bus: DeadLetterBus,
  topics: Topics,
  filter: DeadLetterFilter,
  waiting: SettleOptions,
): Promise<number> {
  const letters = await openLetters(bus, topics, filter, waiting)
  const wanted = new Set(letters.map(({ position }) => position))
  const done = new Set<string>()
  for (const topic of new Set(letters.map((letter) => letter.topic))) {
    const republish: Handler = async (batch) => {
      // Handed over again after an error, a letter is still wanted: nothing of it was committed.
      const found = batch.filter((delivery) => wanted.has(positionText(delivery)))
      for (const letter of found) done.add(positionText(letter))
      return found.flatMap(again)
    }
    await bus.prepare([originOf(topic), topic])
    await readToEnd(bus, topic, republish, waiting.stop)
  }
  return done.size
}

function letterTopics({ frames, detections, embeddings }: Topics, { topic }: DeadLetterFilter): readonly string[] {
  const all = [frames, detections, embeddings]
  return (topic === undefined ? all : [{ frames, detections, embeddings }[topic]]).map(deadLetterTopic)
}

/** Runs a handler over all that can be read of a topic, by a group of its own; `stop` ends it after the batch at work. */
async function readToEnd(bus: DeadLetterBus, topic: string, handler: Handler, stop?: AbortSignal): Promise<void> {
  const group = `sightline-dlq-${topic}-${randomUUID()}`
  {
    await using subscription = await bus.subscribe({ group, topic, maxBatch: 100 }, handler)
    while (stop?.aborted !== true && (await Promise.race([subscription.lag(), subscription.closed])) !== 0)
      await sleep(pollMs)
  }
  await bus.forgetGroup(group)
}

const isMark = ({ headers, value }: Delivery): boolean => value === null && headers[redrivenHeader] !== undefined

/** Where the letters of a dead-letter topic came from. */
function originOf(topic: string): string {
  if (!isDeadLetterTopic(topic)) throw new Error(`${topic} is no dead-letter topic`)
  return topic.slice(0, -'.dlq'.length)
}

function again(letter: Delivery): readonly Publication[] {
  const { topic, key, value } = letter
  const own = Object.entries(letter.headers).filter(([name]) => !name.startsWith('dlq-'))
  const headers: Headers = {
    ...Object.fromEntries(own),
    [redriveOfHeader]: letter.headers[redriveOfHeader] ?? letter.headers['dlq-position'] ?? positionText(letter),
    [redrivesHeader]: String(redrivesOf(letter) + 1),
  }
  const mark: Publication = { topic, key, value: null, headers: { [redrivenHeader]: positionText(letter) } }
  return [{ topic: originOf(topic), key, value, headers }, mark]
}

const redrivesOf = ({ headers }: Delivery): number => Number(headers[redrivesHeader] ?? 0)

function toLetter(delivery: Delivery): DeadLetter {
  const { topic, headers, key, value } = delivery
  return {
    position: positionText(delivery),
    topic,
    of: headers['dlq-position'] ?? '',
    frameId: headers['frame-id'] ?? '',
    camera: key,
    stage: headers['dlq-stage'] ?? '',
    code: headers['dlq-code'] ?? '',
    reason: headers['dlq-reason'] ?? '',
    time: headers['dlq-time'] ?? new Date(delivery.timestamp).toISOString(),
    bytes: value?.length ?? 0,
    redrives: redrivesOf(delivery),
    isRedriven: false,
    headers,
  }
}

const fits = (letter: DeadLetter, { code, stage, camera, since }: DeadLetterFilter): boolean =>
  (code === undefined || letter.code === code) &&
  (stage === undefined || letter.stage === stage) &&
  (camera === undefined || letter.camera === camera) &&
  (since === undefined || Date.parse(letter.time) >= since)
