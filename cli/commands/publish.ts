/** `sightline publish`: pictures and videos as frames of a camera. */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LossCounts, Losses } from '@sightline/pipeline/sources/losses.ts'
import { assertPath, framesFrom, type SourceFrame, type SourceOptions } from '@sightline/pipeline/sources/sources.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { encodeFrame, type FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { describeError, SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { type Command, flag, number, type Terminal, text } from '../command.ts'
import { kafkaHelp, kafkaOf, kafkaOptions } from '../kafka-flags.ts'

export const publishCommand: Command = {
  name: 'publish',
  summary: 'publish pictures or videos as camera frames',
  help: `Usage: sightline publish PATH… [OPTIONS]

A PATH is a folder of pictures, a glob, a picture, a video (by the ffmpeg on the PATH), an rtsp://, rtmp://, http:// or
srt:// address, or - for standard input: one picture, or JPEGs one behind the other, also as multipart/x-mixed-replace.
A frame that is larger than the topic takes is refused, and a file that can't be read is told; the others go on. Of a
camera (rtsp, rtmp, http without a file's name) the newest frame is taken and those that came meanwhile are dropped and
counted; when it is away, it is tried again until it is back. SIGTERM or Ctrl-C ends after the frame under way.

In a user name or password, write # as %23, / as %2F, ? as %3F, @ as %40, % as %25 and a space as %20. Passwords are never
printed; other users of this machine can see them in the list of processes, for ffmpeg takes the address as an argument.

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
    for (const path of paths) assertPath(path)
    const isLoop = flag(values, 'loop')
    if (isLoop && paths.includes('-')) throw usageError('standard input can not be read again: leave out --loop')
    const fps = number(values, 'fps', { min: 0.001, max: 10_000 })
    const limit = number(values, 'limit', { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true }) ?? Infinity
    const { connection, topics } = await kafkaOf(values, terminal)
    const lost = lossesOf(terminal)
    const source: SourceOptions = {
      camera: text(values, 'camera'),
      isNamed: flag(values, 'id-from-name'),
      input: process.stdin,
      stop: terminal.stop,
      losses: lost,
    }
    await using bus = new KafkaBus(connection)
    await bus.assertTopics([topics.frames])
    const print = printer(flag(values, 'json'), terminal)
    const counts = { published: 0, refused: 0, unreadable: 0 }
    const pace = pacer(fps, terminal.stop)
    for await (const frame of playlist(paths, isLoop, source)) {
      if (terminal.stop.aborted) break
      const error = 'error' in frame ? frame.error : await publish(bus, topics.frames, frame)
      counts[error === null ? 'published' : 'error' in frame ? 'unreadable' : 'refused'] += 1
      print(frame, error)
      if (counts.published + counts.refused >= limit) break
      // Before the next frame is asked for: a camera then gives its newest.
      if (!('error' in frame)) await pace()
      if (terminal.stop.aborted) break
    }
    terminal.out(flag(values, 'json') ? summaryJson(counts, lost.counts) : summaryLine(counts, lost.counts))
    return counts.refused + counts.unreadable === 0 ? 0 : 1
  },
}

interface Counts {
  readonly published: number
  readonly refused: number
  readonly unreadable: number
}

/** What seldom happens is told where it did. */
function summaryJson({ published, refused, unreadable }: Counts, losses: LossCounts): string {
  const seldom = Object.entries({ unreadable, ...losses }).filter(([, count]) => count > 0)
  return JSON.stringify({ type: 'summary', published, refused, ...Object.fromEntries(seldom) })
}

function summaryLine(
  { published, refused, unreadable }: Counts,
  { dropped, damaged, skippedBytes }: LossCounts,
): string {
  const seldom = [
    [unreadable, `unreadable ${unreadable}`],
    [dropped, `dropped ${dropped} for newer ones`],
    [damaged, `damaged ${damaged}`],
    [skippedBytes, `skipped ${skippedBytes} bytes that are no picture`],
  ] as const
  const told = seldom.filter(([count]) => count > 0).map(([, words]) => words)
  return [`published ${published}`, `refused ${refused}`, ...told].join(', ')
}

function lossesOf({ err }: Terminal): Losses & { readonly counts: LossCounts } {
  const counts = { dropped: 0, damaged: 0, skippedBytes: 0 }
  return {
    counts,
    tell: err,
    count: (loss) => {
      counts.dropped += loss.dropped ?? 0
      counts.damaged += loss.damaged ?? 0
      counts.skippedBytes += loss.skippedBytes ?? 0
    },
  }
}

/** What is behind time is caught up with, but for no more than this, in ms: after a pause there is no rush. */
const mostCaughtUp = 1000

/** Waits, each time it is called, until the next frame is due. */
function pacer(fps: number | undefined, stop: AbortSignal): () => Promise<void> {
  const interval = fps === undefined ? 0 : 1000 / fps
  let due = performance.now()
  return async () => {
    due = Math.max(due + interval, performance.now() - mostCaughtUp)
    const wait = due - performance.now()
    if (interval > 0 && wait > 1) await sleep(wait, undefined, { signal: stop }).catch(() => undefined)
  }
}

/** Ends with the last path; looping, when stopped or when no path has anything to publish any more. */
async function* playlist(
  paths: readonly string[],
  isLoop: boolean,
  options: SourceOptions,
): AsyncGenerator<SourceFrame> {
  let isAny: boolean
  do {
    isAny = false
    for (const path of paths) {
      for await (const frame of framesFrom(path, options)) {
        isAny ||= !('error' in frame)
        yield frame
      }
    }
  } while (isLoop && isAny && !options.stop.aborted)
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
  return (frame: SourceFrame, error: SightlineError | null): void => {
    number += 1
    const { source } = frame
    if (isJson) {
      const known = 'error' in frame ? { source } : { camera: frame.camera, source, bytes: frame.bytes.length }
      out(
        JSON.stringify({
          ...known,
          ...(error === null ? {} : { error: { code: error.code, message: describeError(error) } }),
        }),
      )
    } else if (error !== null)
      err(error.message.startsWith(source) ? describeError(error) : `${source}: ${describeError(error)}`)
    else if (isInteractive && number % 10 === 0) process.stderr.write(`\r${number} frames published`)
  }
}
