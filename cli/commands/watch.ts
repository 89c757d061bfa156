/** `sightline watch`: recognition events as they come. */
import { randomUUID } from 'node:crypto'
import type { Delivery } from '@sightline/shared/bus/bus.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { positionText } from '@sightline/shared/bus/position.ts'
import { deadLetterOf } from '@sightline/shared/contracts/answer.ts'
import { isRedriveMark } from '@sightline/shared/contracts/dead-letter.ts'
import { type RecognitionEvent, recognitionEventSchema } from '@sightline/shared/contracts/recognition-event.ts'
import { deadLetterTopics } from '@sightline/shared/contracts/topology.ts'
import { deadLetterLine, eventLine } from '@sightline/views/terminal/live-view.ts'
import { ZodError } from 'zod'
import { type Command, flag, number, texts } from '../command.ts'
import { kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'

export const watchCommand: Command = {
  name: 'watch',
  summary: 'show recognition events as they come',
  help: `Usage: sightline watch [OPTIONS]

Shows what is recognized from now on, a line a frame, until stopped.

  --camera ID             only this camera; may be repeated
  --recognized            only frames in which an item was recognized
  --from-start            begin with the oldest event that is kept
  --dead-letters          show frames that could not be processed, too
  --limit N               stop after so many lines
  --json                  JSON lines: recognition events, and dead letters with "type": "deadLetter"
${kafkaHelp}

Example: sightline watch --camera shelf-1 --recognized`,
  options: {
    ...kafkaOptions,
    camera: { type: 'string', multiple: true },
    recognized: { type: 'boolean' },
    'from-start': { type: 'boolean' },
    'dead-letters': { type: 'boolean' },
    limit: { type: 'string' },
    json: { type: 'boolean' },
  },

  async run(values, _positionals, terminal) {
    const { connection, topics } = await kafkaOf(values, terminal)
    const cameras = new Set(texts(values, 'camera'))
    const isJson = flag(values, 'json')
    const limit = number(values, 'limit', { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true }) ?? Infinity
    const end = Promise.withResolvers<void>()
    terminal.stop.addEventListener('abort', () => end.resolve(), { once: true })
    let shown = 0
    const show = (camera: string, line: () => string): void => {
      if ((cameras.size > 0 && !cameras.has(camera)) || shown >= limit) return
      terminal.out(line())
      shown += 1
      if (shown >= limit) end.resolve()
    }
    // Nothing is lost by reading twice: the delivery is that of a reader who keeps no books.
    await using bus = new KafkaBus({ ...connection, delivery: 'at-least-once' })
    const groups: string[] = []
    {
      await using reading = new AsyncDisposableStack()
      const read = async (topic: string, onMessage: (delivery: Delivery) => void): Promise<Promise<void>[]> => {
        const group = `sightline-watch-${topic}-${randomUUID()}`
        const from = flag(values, 'from-start') ? 'oldest' : 'newest'
        const subscription = await bus.subscribe({ group, topic, maxBatch: 100, from }, async (batch) => {
          batch.forEach(onMessage)
          return []
        })
        reading.use(subscription)
        groups.push(group)
        // In a list: awaited, the promise of its end would be waited for.
        return [subscription.closed]
      }
      const closed = await read(topics.recognitions, (delivery) => {
        const event = eventOf(delivery)
        if (event === null) terminal.err(`${positionText(delivery)} is no recognition event; left out`)
        else if (!flag(values, 'recognized') || isRecognized(event)) {
          show(delivery.key, () => (isJson ? JSON.stringify(event) : eventLine(event)))
        }
      })
      for (const topic of flag(values, 'dead-letters') ? deadLetterTopics(topics) : []) {
        const onLetter = (delivery: Delivery): void => {
          if (isRedriveMark(delivery)) return
          const letter = deadLetterOf(delivery)
          const asJson = () => JSON.stringify({ type: 'deadLetter', ...letter, kind: undefined })
          show(delivery.key, () => (isJson ? asJson() : deadLetterLine(letter)))
        }
        closed.push(...(await read(topic, onLetter)))
      }
      terminal.err(`watching ${topics.recognitions}`)
      await Promise.race([end.promise, ...closed])
    }
    for (const group of groups) await bus.forgetGroup(group)
    return 0
  },
}

/** Null where a message is none: anyone may write to a topic, and one such message must not end the watching. */
function eventOf({ value }: Delivery): RecognitionEvent | null {
  try {
    return recognitionEventSchema.parse(JSON.parse(Buffer.from(value ?? []).toString()))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ZodError) return null
    throw error
  }
}

const isRecognized = ({ objects }: RecognitionEvent): boolean => objects.some(({ item }) => item !== null)
