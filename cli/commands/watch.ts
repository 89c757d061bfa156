/** `sightline watch`: recognition events as they come. */
import { randomUUID } from 'node:crypto'
import { KafkaBus } from '@sightline/shared/bus/kafka-bus.ts'
import { type RecognitionEvent, recognitionEventSchema } from '@sightline/shared/contracts/recognition-event.ts'
import { deadLetterTopic } from '@sightline/shared/contracts/topics.ts'
import { type Command, flag, number, texts } from '../command.ts'
import { kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'
import { deadLetterOf } from '../recognize-frames.ts'
import { deadLetterLine, eventLine } from '../terminal/live-view.ts'

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
    const group = `sightline-watch-${randomUUID()}`
    const from = flag(values, 'from-start') ? 'oldest' : 'newest'
    const watched = await bus.subscribe({ group, topic: topics.recognitions, maxBatch: 100, from }, async (batch) => {
      for (const { value, key } of batch) {
        const event = recognitionEventSchema.parse(JSON.parse(Buffer.from(value ?? []).toString()))
        if (flag(values, 'recognized') && !isRecognized(event)) continue
        show(key, () => (isJson ? JSON.stringify(event) : eventLine(event)))
      }
      return []
    })
    const closed = [watched.closed]
    if (flag(values, 'dead-letters')) {
      for (const topic of [topics.frames, topics.detections, topics.embeddings].map(deadLetterTopic)) {
        const letters = await bus.subscribe(
          { group: `${group}-${topic}`, topic, maxBatch: 100, from },
          async (batch) => {
            for (const delivery of batch.filter(({ value }) => value !== null)) {
              const letter = deadLetterOf(delivery)
              const asJson = () => JSON.stringify({ type: 'deadLetter', ...letter, kind: undefined })
              show(delivery.key, () => (isJson ? asJson() : deadLetterLine(letter)))
            }
            return []
          },
        )
        closed.push(letters.closed)
      }
    }
    terminal.err(`watching ${topics.recognitions}`)
    await Promise.race([end.promise, ...closed])
    return 0
  },
}

const isRecognized = ({ objects }: RecognitionEvent): boolean => objects.some(({ item }) => item !== null)
