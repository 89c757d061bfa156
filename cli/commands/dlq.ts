/** `sightline dlq list`, `show` and `redrive`: what could not be processed, why, and once more. */
import { writeFile } from 'node:fs/promises'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import type { SettleOptions } from '@sightline/shared/bus/kafka/kafka-settled.ts'
import { letteredTopics } from '@sightline/shared/contracts/topology.ts'
import {
  type DeadLetter,
  type DeadLetterFilter,
  readDeadLetters,
  readLetterBytes,
} from '@sightline/shared/dead-letters/read-dead-letters.ts'
import { openLetters, redrive } from '@sightline/shared/dead-letters/redrive.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import { printable } from '@sightline/views/terminal/live-view.ts'
import { type Command, choice, flag, number, text, type Values } from '../command.ts'
import { kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'

const filterOptions = {
  ...kafkaOptions,
  topic: { type: 'string' },
  reason: { type: 'string' },
  stage: { type: 'string' },
  camera: { type: 'string' },
  since: { type: 'string' },
  json: { type: 'boolean' },
} as const

const filterHelp = `  --reason CODE           only this error code, as IMAGE_UNREADABLE
  --topic NAME            only of frames, detections or embeddings
  --stage NAME            only of the detector, embedder or matcher
  --camera ID             only of this camera
  --since TIME            only from then on, as 2026-01-31T08:00
  --json                  JSON lines
${kafkaHelp}`

export const dlqListCommand: Command = {
  name: 'dlq list',
  summary: 'show the frames that could not be processed, and why',
  help: `Usage: sightline dlq list [OPTIONS]

  --all                   also those that were published again
  --limit N               only the newest N
${filterHelp}

Example: sightline dlq list --reason IMAGE_UNREADABLE --camera gate-2`,
  options: { ...filterOptions, all: { type: 'boolean' }, limit: { type: 'string' } },

  async run(values, _positionals, terminal) {
    const { connection, topics } = await kafkaOf(values, terminal)
    await using bus = new KafkaBus({ ...connection, delivery: 'at-least-once' })
    const letters = await readDeadLetters(bus, topics, filterOf(values))
    const open = letters.filter(({ isRedriven }) => flag(values, 'all') || !isRedriven)
    const shown = open.slice(-(number(values, 'limit', { min: 1, max: 1e9, integer: true }) ?? open.length))
    for (const letter of shown) terminal.out(flag(values, 'json') ? json(letter) : line(letter))
    if (!flag(values, 'json')) terminal.err(`${shown.length} of ${letters.length} dead letters`)
    return 0
  },
}

export const dlqShowCommand: Command = {
  name: 'dlq show',
  summary: 'show one dead letter with all its headers, and save its picture',
  help: `Usage: sightline dlq show POSITION [OPTIONS]

POSITION is the first word of a line of 'sightline dlq list'.

  --save FILE             write the message's bytes to a file
  --json                  JSON
${kafkaHelp}

Example: sightline dlq show frames.dlq-0-12 --save frame.jpg`,
  options: { ...kafkaOptions, save: { type: 'string' }, json: { type: 'boolean' } },

  async run(values, [position], terminal) {
    if (position === undefined) throw usageError('which one? sightline dlq show POSITION')
    const { connection, topics } = await kafkaOf(values, terminal)
    await using bus = new KafkaBus({ ...connection, delivery: 'at-least-once' })
    const letters = await readDeadLetters(bus, topics, {})
    const letter = letters.find((one) => one.position === position)
    if (letter === undefined) throw usageError(`there is no dead letter at ${position}: see sightline dlq list --all`)
    const { headers } = letter
    if (flag(values, 'json')) terminal.out(JSON.stringify({ ...JSON.parse(json(letter)), headers }))
    else {
      terminal.out(line(letter))
      for (const [name, content] of Object.entries(headers)) terminal.out(`  ${printable(`${name}: ${content}`)}`)
    }
    const file = text(values, 'save')
    if (file !== undefined) {
      if (!letter.isWhole) throw usageError(`${position} has no bytes to save: its message was too large to be kept`)
      await writeFile(file, await readLetterBytes(bus, letter))
      terminal.err(`${letter.bytes} bytes written to ${file}`)
    }
    return 0
  },
}

export const dlqRedriveCommand: Command = {
  name: 'dlq redrive',
  summary: 'publish dead letters again where they came from, each once',
  help: `Usage: sightline dlq redrive (--all | FILTERS…) [OPTIONS]

After the reason is gone: a letter is published again once, however often this is run. Run one at a time. Where one was
killed, the next one waits some 20 s until the broker has ended what it left open.

  --all                   all that were not published again yet
  --dry-run               only show which
${filterHelp}

Example: sightline dlq redrive --reason GALLERY_EMBEDDER`,
  options: { ...filterOptions, all: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },

  async run(values, _positionals, terminal) {
    const filter = filterOf(values)
    if (!flag(values, 'all') && Object.values(filter).every((one) => one === undefined)) {
      throw usageError('which ones? --reason, --topic, --stage, --camera, --since or --all')
    }
    const { connection, topics } = await kafkaOf(values, terminal)
    await using bus = new KafkaBus(connection)
    const waiting: SettleOptions = {
      stop: terminal.stop,
      onWait: (topic, atMostMs) => terminal.err(waitLine(topic, atMostMs)),
    }
    if (flag(values, 'dry-run')) {
      const letters = await openLetters(bus, topics, filter, waiting)
      for (const letter of letters) terminal.out(flag(values, 'json') ? json(letter) : line(letter))
      return 0
    }
    const { count, refused } = await redrive(bus, topics, filter, waiting)
    for (const [position, why] of refused) terminal.err(printable(`${position} can't be published again: ${why}`))
    const asJson = JSON.stringify({ redriven: count, refused: [...refused.keys()] })
    terminal.out(flag(values, 'json') ? asJson : `${count} dead letters published again, ${refused.size} refused`)
    return refused.size === 0 ? 0 : 1
  },
}

const waitLine = (topic: string, atMostMs: number): string =>
  `a transaction is open in ${topic}, as a process that was killed leaves it: waiting until the broker ends it, ` +
  `some 20 s, ${Math.ceil(atMostMs / 1000)} s at most`

function filterOf(values: Values): DeadLetterFilter {
  const since = text(values, 'since')
  const time = since === undefined ? undefined : Date.parse(since)
  if (Number.isNaN(time)) throw usageError(`--since takes a time as 2026-01-31T08:00, not '${since}'`)
  return {
    topic: choice(values, 'topic', letteredTopics),
    code: text(values, 'reason'),
    stage: text(values, 'stage'),
    camera: text(values, 'camera'),
    since: time,
  }
}

const json = ({ headers: _, topic: __, ...letter }: DeadLetter): string => JSON.stringify(letter)

function line({ position, time, camera, stage, code, reason, isWhole, isRedriven }: DeadLetter): string {
  const notes = `${isWhole ? '' : ' (too large to be kept)'}${isRedriven ? ' (published again)' : ''}`
  return [position, time, camera, stage, code, reason + notes].map(printable).join('  ')
}
