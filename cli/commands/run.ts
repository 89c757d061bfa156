/** `sightline run`: the whole pipeline in one process, fed from folders that cameras write their pictures to. */

import { subscribeAnswers } from '@sightline/pipeline/answers.ts'
import { Books } from '@sightline/pipeline/books.ts'
import { type CameraFolder, type FolderNotices, framesOf } from '@sightline/pipeline/camera-folder.ts'
import { leftOutLine } from '@sightline/pipeline/pictures.ts'
import { openPipeline, type Pipeline } from '@sightline/pipeline/pipeline.ts'
import type { Answer, Summary } from '@sightline/shared/contracts/answer.ts'
import { encodeFrame } from '@sightline/shared/contracts/frame.ts'
import { frameId } from '@sightline/shared/contracts/ids.ts'
import { usageError } from '@sightline/shared/errors/errors.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { deadLetterLine, eventLine, summaryLine } from '@sightline/views/terminal/live-view.ts'
import { type Command, flag, number, type Terminal, texts, type Values } from '../command.ts'
import { cameraHelp, cameraOptions, logFor, recognitionOf } from '../recognition-flags.ts'

/** Frames published ahead of their answers: enough to keep the workers busy, few enough to stay fresh. */
const framesAhead = 32

export const runCommand: Command = {
  name: 'run',
  summary: 'run the whole pipeline in one process on folders of pictures',
  help: `Usage: sightline run --gallery DIR --camera NAME=DIR… [OPTIONS]

Each folder is a camera: its pictures are its frames, in the order of their names. Prints an event a frame as they
come. SIGTERM or Ctrl-C finishes the frames under way; a second one ends at once.

${cameraHelp}
  --camera NAME=DIR       a camera; may be repeated
  --follow                go on with pictures that are added to the folders, until stopped
  --fps N                 frames a second of each camera (default: as fast as they are recognized)
  --json                  JSON lines: recognition events, dead letters, and the summary at the end

Example: sightline run --gallery products.gallery --camera till-1=/var/ftp/till-1 --follow`,
  options: {
    ...cameraOptions,
    camera: { type: 'string', multiple: true },
    follow: { type: 'boolean' },
    fps: { type: 'string' },
    json: { type: 'boolean' },
  },

  async run(values, _positionals, terminal) {
    const cameras = camerasOf(values)
    const settings = await recognitionOf(values, terminal)
    await using pipeline = await openPipeline(settings, { log: logFor(terminal) })
    tellExecution(pipeline.networks, terminal.err)
    const print = flag(values, 'json') ? jsonLine : readableLine
    const { summary, lost } = await playCameras(pipeline, cameras, (answer) => terminal.out(print(answer)), terminal)
    terminal.out(flag(values, 'json') ? JSON.stringify({ type: 'summary', ...summary }) : summaryLine(summary))
    return lost === 0 ? 0 : 1
  },
}

/**
 * Plays the cameras side by side and returns when every published frame has ended. A picture that can't be read is a dead
 * letter; a folder that can't be read is told, and costs the other cameras nothing.
 */
export async function playCameras(
  pipeline: Pipeline,
  cameras: readonly CameraFolder[],
  onAnswer: (answer: Answer) => void,
  { stop, err }: Pick<Terminal, 'stop' | 'err'>,
): Promise<{ readonly summary: Summary /** Folders that could not be read in the end. */; readonly lost: number }> {
  const books = new Books()
  const end = (answer: Answer): void => {
    onAnswer(answer)
    books.ended(answer)
  }
  await using _answers = await subscribeAnswers(pipeline, 'run', end)
  const lost = new Set<CameraFolder>()
  const play = async (camera: CameraFolder): Promise<void> => {
    for await (const frame of framesOf(camera, stop, noticesOf(camera, lost, err))) {
      await books.roomFor(framesAhead)
      books.published()
      if ('error' in frame) {
        const { code, message } = frame.error
        end({
          kind: 'deadLetter',
          frameId: frameId(frame.camera, '', frame.id),
          stage: 'publish',
          code,
          reason: message,
        })
      } else await pipeline.bus.publish([encodeFrame(pipeline.topics.frames, frame)])
    }
  }
  await Promise.race([Promise.all(cameras.map(play)).then(() => books.closed()), pipeline.closed])
  return { summary: books.summary, lost: lost.size }
}

const noticesOf = (camera: CameraFolder, lost: Set<CameraFolder>, err: (line: string) => void): FolderNotices => ({
  lost: ({ message }) => {
    lost.add(camera)
    err(`camera ${camera.camera}: ${message}${camera.follow ? '; waiting until it is back' : ''}`)
  },
  back: () => {
    lost.delete(camera)
    err(`camera ${camera.camera}: ${camera.folder} is back`)
  },
  found: (contents) => {
    const line = leftOutLine(camera.folder, contents)
    if (line !== null) err(`camera ${camera.camera}: ${line}`)
    for (const folder of contents.closed) err(`camera ${camera.camera}: the folder ${folder} can't be read`)
    if (contents.pictures.length === 0 && !camera.follow)
      err(`camera ${camera.camera}: no pictures in ${camera.folder}`)
  },
})

function camerasOf(values: Values): readonly CameraFolder[] {
  const fps = number(values, 'fps', { min: 0.001, max: 1000 })
  const cameras = texts(values, 'camera').map((text): CameraFolder => {
    const [, camera, folder] = /^([^=]+)=(.+)$/.exec(text) ?? []
    if (camera === undefined || folder === undefined) throw usageError(`--camera takes NAME=DIR, not '${text}'`)
    return { camera, folder, follow: flag(values, 'follow'), intervalMs: fps === undefined ? 0 : 1000 / fps }
  })
  if (cameras.length === 0) throw usageError('which cameras? --camera NAME=DIR')
  return cameras
}

const jsonLine = (answer: Answer): string =>
  JSON.stringify(answer.kind === 'event' ? answer.event : { type: 'deadLetter', ...answer, kind: undefined })

const readableLine = (answer: Answer): string =>
  answer.kind === 'event' ? eventLine(answer.event) : deadLetterLine(answer)
