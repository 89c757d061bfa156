/** Publishes dead letters again where they came from: each once, whatever is killed in between. */
import type { Delivery, Handler, Headers, Publication } from '../bus/bus.ts'
import type { KafkaBus } from '../bus/kafka/kafka-bus.ts'
import type { SettleOptions } from '../bus/kafka/kafka-settled.ts'
import { messageBytes } from '../bus/message-size.ts'
import { positionText } from '../bus/position.ts'
import {
  isLetterHeader,
  readLetterHeaders,
  redrivenHeader,
  redriveOfHeader,
  redrivesHeader,
} from '../contracts/dead-letter.ts'
import { originOf } from '../contracts/dead-letter-topics.ts'
import type { Topics } from '../contracts/topology.ts'
import {
  type DeadLetter,
  type DeadLetterBus,
  type DeadLetterFilter,
  letterTopics,
  readDeadLetters,
  readToEnd,
} from './read-dead-letters.ts'

/** What publishing again takes of a bus. */
export type RedriveBus = DeadLetterBus & Pick<KafkaBus, 'assertTopics' | 'settled' | 'maxMessageBytes'>

export interface Redriven {
  /** How many were published again. */
  readonly count: number
  /** By position, why one can't be. */
  readonly refused: ReadonlyMap<string, string>
}

/**
 * The letters that were not published again yet, oldest first; none where `stop` aborts before all marks can be seen.
 * Whoever was killed in the midst of a transaction, a redrive or a service, leaves it open, and it hides the marks behind
 * it, also those of redrives that ended well.
 */
export async function openLetters(
  bus: RedriveBus,
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
 * is killed and run again. One at a time: of two that run side by side neither sees the other's marks. Those under way when
 * `stop` aborts are finished.
 *
 * A redriven frame keeps its id, and so replaces what there is of it. It may fail again: then it is a new letter. One that
 * is not taken where it came from, as it has more headers now or came without its message, stays, and the others go on.
 */
export async function redrive(
  bus: RedriveBus,
  topics: Topics,
  filter: DeadLetterFilter,
  waiting: SettleOptions,
): Promise<Redriven> {
  const letters = await openLetters(bus, topics, filter, waiting)
  const wanted = new Set(letters.map(({ position }) => position))
  const done = new Set<string>()
  const refused = new Map<string, string>()
  for (const topic of new Set(letters.map((letter) => letter.topic))) {
    const republish: Handler = async (batch) => {
      // Handed over again after an error, a letter is still wanted: nothing of it was committed.
      const found = batch.filter((delivery) => wanted.has(positionText(delivery)))
      return found.flatMap((letter) => {
        const message = again(letter)
        const problem = refusal(letter, message, bus)
        if (problem === null) done.add(positionText(letter))
        else refused.set(positionText(letter), problem)
        return problem === null ? [message, markOf(letter)] : []
      })
    }
    await bus.assertTopics([originOf(topic)])
    await readToEnd(bus, topic, republish, waiting.stop)
  }
  return { count: done.size, refused }
}

function again(letter: Delivery): Publication {
  const own = Object.entries(letter.headers).filter(([name]) => !isLetterHeader(name))
  const { position, redrives } = readLetterHeaders(letter.headers)
  const headers: Headers = {
    ...Object.fromEntries(own),
    [redriveOfHeader]: letter.headers[redriveOfHeader] ?? (position === '' ? positionText(letter) : position),
    [redrivesHeader]: String(redrives + 1),
  }
  return { topic: originOf(letter.topic), key: letter.key, value: letter.value, headers }
}

const markOf = (letter: Delivery): Publication => {
  const headers = { [redrivenHeader]: positionText(letter) }
  return { topic: letter.topic, key: letter.key, value: null, headers }
}

/** Why a letter can't be published again; null where it can. */
function refusal(letter: Delivery, message: Publication, { maxMessageBytes }: RedriveBus): string | null {
  const { leftOut, position } = readLetterHeaders(letter.headers)
  if (leftOut === 0 || letter.unreadable !== undefined) return `its message could not be read; it lay at ${position}`
  if (leftOut !== null) {
    return `its message, ${(leftOut / 2 ** 20).toFixed(2)} MiB, was too large to be kept; it lay at ${position}`
  }
  const [bytes, limit] = [messageBytes(message), maxMessageBytes(message.topic)]
  if (bytes <= limit) return null
  const advice = `save it with 'sightline dlq show ${positionText(letter)} --save FILE' and publish a smaller picture`
  return `with the headers that say so it has ${bytes} bytes, ${message.topic} takes ${limit}; ${advice}`
}
