/** Reading dead letters, and publishing them again where they came from: each once, whatever is killed in between. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Delivery, Handler, Headers, Publication } from '@sightline/shared/bus/bus.ts'
import { redriveOfHeader } from '@sightline/shared/contracts/frame.ts'
import { positionText } from '@sightline/shared/contracts/ids.ts'
import { deadLetterTopic, isDeadLetterTopic, type Topics } from '@sightline/shared/contracts/topics.ts'

/** A message that could not be processed, as it lies in its dead-letter topic. */
export interface DeadLetter {
  /** Where the letter lies: what `show` takes. */
  readonly position: string
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
  readonly delivery: Delivery
}

export interface DeadLetterFilter {
  /** Only of this topic: `frames`, `detections` or `embeddings`, without prefix. */
  readonly topic?: string | undefined
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

/** All dead letters that are kept and fit, oldest first. */
export async function readDeadLetters(
  bus: Bus,
  topics: Topics,
  filter: DeadLetterFilter,
): Promise<readonly DeadLetter[]> {
  const deliveries: Delivery[] = []
  for (const topic of letterTopics(topics, filter)) {
    await readToEnd(bus, topic, async (batch) => {
      deliveries.push(...batch)
      return []
    })
  }
  const redriven = new Set(deliveries.flatMap(({ headers }) => headers[redrivenHeader] ?? []))
  return deliveries
    .filter((delivery) => !isMark(delivery))
    .map((delivery) => toLetter(delivery, redriven))
    .filter((letter) => fits(letter, filter))
    .toSorted((a, b) => a.time.localeCompare(b.time))
}

/**
 * Publishes letters again, where they came from, as they were. Each letter and the mark that it was published again are
 * one transaction: a letter is published again once, also when this is killed and run again. One at a time: of two that
 * run side by side neither sees the other's marks. Returns how many were published.
 *
 * A redriven frame keeps its id, and so replaces what there is of it. It may fail again: then it is a new letter.
 */
export async function redrive(bus: Bus, topics: Topics, filter: DeadLetterFilter): Promise<number> {
  const wanted = new Set(
    (await readDeadLetters(bus, topics, filter))
      .filter(({ isRedriven }) => !isRedriven)
      .map(({ position }) => position),
  )
  if (wanted.size === 0) return 0
  let count = 0
  for (const topic of letterTopics(topics, filter)) {
    await readToEnd(bus, topic, async (batch) => {
      // Handed over again after an error, a letter is still wanted: nothing of it was committed.
      const letters = batch.filter((delivery) => wanted.has(positionText(delivery)))
      count += letters.length
      return letters.flatMap(again)
    })
  }
  return count
}

function letterTopics({ frames, detections, embeddings }: Topics, { topic }: DeadLetterFilter): readonly string[] {
  const all = [frames, detections, embeddings]
  return (topic === undefined ? all : all.filter((name) => name.endsWith(topic))).map(deadLetterTopic)
}

/** Runs a handler over all that a topic holds now, by a group of its own. */
async function readToEnd(bus: Bus, topic: string, handler: Handler): Promise<void> {
  const group = `sightline-dlq-${randomUUID()}`
  await using subscription = await bus.subscribe({ group, topic, maxBatch: 100 }, handler)
  while ((await Promise.race([subscription.lag(), subscription.closed])) !== 0) await sleep(pollMs)
}

const isMark = ({ headers, value }: Delivery): boolean => value === null && headers[redrivenHeader] !== undefined

function again(letter: Delivery): readonly Publication[] {
  const { topic, key, value } = letter
  if (!isDeadLetterTopic(topic)) throw new Error(`${topic} is no dead-letter topic`)
  const own = Object.entries(letter.headers).filter(([name]) => !name.startsWith('dlq-'))
  const headers: Headers = {
    ...Object.fromEntries(own),
    [redriveOfHeader]: letter.headers[redriveOfHeader] ?? letter.headers['dlq-position'] ?? positionText(letter),
    [redrivesHeader]: String(redrivesOf(letter) + 1),
  }
  const mark: Publication = { topic, key, value: null, headers: { [redrivenHeader]: positionText(letter) } }
  return [{ topic: topic.slice(0, -'.dlq'.length), key, value, headers }, mark]
}

const redrivesOf = ({ headers }: Delivery): number => Number(headers[redrivesHeader] ?? 0)

function toLetter(delivery: Delivery, redriven: ReadonlySet<string>): DeadLetter {
  const { headers, key, value } = delivery
  const position = positionText(delivery)
  return {
    position,
    of: headers['dlq-position'] ?? '',
    frameId: headers['frame-id'] ?? '',
    camera: key,
    stage: headers['dlq-stage'] ?? '',
    code: headers['dlq-code'] ?? '',
    reason: headers['dlq-reason'] ?? '',
    time: headers['dlq-time'] ?? new Date(delivery.timestamp).toISOString(),
    bytes: value?.length ?? 0,
    redrives: redrivesOf(delivery),
    isRedriven: redriven.has(position),
    delivery,
  }
}

const fits = (letter: DeadLetter, { code, stage, camera, since }: DeadLetterFilter): boolean =>
  (code === undefined || letter.code === code) &&
  (stage === undefined || letter.stage === stage) &&
  (camera === undefined || letter.camera === camera) &&
  (since === undefined || Date.parse(letter.time) >= since)
