/** `sightline publish`: pictures and videos as frames of a camera. */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { framesFrom, type SourceOptions } from '@sightline/pipeline/sources/sources.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { encodeFrame, type FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { describeError, SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { type Command, flag, number, type Terminal, text } from '../command.ts'
import { kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'

export const publishCommand: Command = {
  name: 'publish',
  summary: 'publish pictures or videos as camera frames',
  help: `Usage: sightline publish PATH… [OPTIONS]

A PATH is a folder of pictures, a glob, a picture, a video (by the ffmpeg on the PATH), an rtsp:// or http:// stream, or
- for standard input: one picture, or JPEGs one behind the other. A frame that is larger than the topic takes is refused,
told and counted; the others go on. SIGTERM or Ctrl-C ends after the frame under way.

  --camera ID             camera of all frames (default: the name of the folder or file)
  --fps N                 frames a second (default: as fast as they are taken)
  --loop                  begin again at the end, until stopped
  --limit N               stop after so many frames
  --id-from-name          name each frame by its file: published again, it is the same frame and is not recognized again
  --json                  a JSON line a frame, and a summary at the end
${kafkaHelp}

Example: sightline publish ./shelf-photos --camera shelf-1 --fps 2 --loop`,
  options: {
    ...kafkaOptions,
    camera: { type: 'string' },
    fps: { type: 'string' },
    loop: { type: 'boolean' },
    limit: { type: 'string' },
    'id-from-name': { type: 'boolean' },
    json: { type: 'boolean' },
  },

  async run(values, paths, terminal) {
    if (paths.length === 0) throw usageError('what? sightline publish PATH…')
    const isLoop = flag(values, 'loop')
    if (isLoop && paths.includes('-')) throw usageError('standard input can not be read again: leave out --loop')
    const fps = number(values, 'fps', { min: 0.001, max: 10_000 })
    const limit = number(values, 'limit', { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true }) ?? Infinity
    const { connection, topics } = await kafkaOf(values, terminal)
    const source: SourceOptions = {
      camera: text(values, 'camera'),
      isNamed: flag(values, 'id-from-name'),
      input: process.stdin,
      stop: terminal.stop,
    }
    await using bus = new KafkaBus(connection)
    await bus.assertTopics([topics.frames])
    const print = printer(flag(values, 'json'), terminal)
    const counts = { published: 0, refused: 0 }
    const started = performance.now()
    for await (const frame of playlist(paths, isLoop, source)) {
      const due = fps === undefined ? 0 : ((counts.published + counts.refused) * 1000) / fps
      const wait = started + due - performance.now()
      if (wait > 1) await sleep(wait, undefined, { signal: terminal.stop }).catch(() => undefined)
      if (terminal.stop.aborted) break
      const refusal = await publish(bus, topics.frames, frame)
      counts[refusal === null ? 'published' : 'refused'] += 1
      print(frame, refusal)
      if (counts.published + counts.refused >= limit) break
    }
    const summary = `published ${counts.published}, refused ${counts.refused}`
    terminal.out(flag(values, 'json') ? JSON.stringify({ type: 'summary', ...counts }) : summary)
    return counts.refused === 0 ? 0 : 1
  },
}

async function* playlist(
  paths: readonly string[],
  isLoop: boolean,
  options: SourceOptions,
): AsyncGenerator<FrameToPublish> {
  do {
    for (const path of paths) yield* framesFrom(path, options)
  } while (isLoop && !options.stop.aborted)
}

/** Null where the frame is published; what is wrong with it where it is refused. */
async function publish(bus: KafkaBus, topic: string, frame: FrameToPublish): Promise<SightlineError | null> {
  try {
    await bus.publish([encodeFrame(topic, frame)])
    return null
  } catch (error) {
    if (error instanceof SightlineError && error.code === 'BUS_MESSAGE_TOO_LARGE') return error
    throw error
  }
}

function printer(isJson: boolean, { out, err, isInteractive }: Terminal) {
  let number = 0
  return ({ camera, source, bytes }: FrameToPublish, refusal: SightlineError | null): void => {
    number += 1
    if (isJson) {
      const error = refusal === null ? {} : { error: { code: refusal.code, message: describeError(refusal) } }
      out(JSON.stringify({ camera, source, bytes: bytes.length, ...error }))
    } else if (refusal !== null) err(`${source}: ${describeError(refusal)}`)
    else if (isInteractive && number % 10 === 0) process.stderr.write(`\r${number} frames published`)
  }
}
