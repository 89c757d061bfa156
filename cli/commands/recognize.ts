/** `sightline recognize`: one recognition event a picture, in the order of the pictures. */
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import { type FrameOrError, recognizeInOrder } from '@sightline/pipeline/answers.ts'
import { expandPaths, readPictureFile, unreadableFile } from '@sightline/pipeline/pictures.ts'
import { openPipeline } from '@sightline/pipeline/pipeline.ts'
import type { Answer } from '@sightline/shared/contracts/answer.ts'
import { SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { drawEvent } from '@sightline/views/draw/draw-event.ts'
import { eventLine } from '@sightline/views/terminal/live-view.ts'
import { openProgress } from '@sightline/views/terminal/progress.ts'
import { type Command, flag, text } from '../command.ts'
import { logFor, recognitionHelp, recognitionOf, recognitionOptions } from '../recognition-flags.ts'

export const recognizeCommand: Command = {
  name: 'recognize',
  summary: 'recognize what is in pictures',
  help: `Usage: sightline recognize PATH… --gallery DIR [OPTIONS]

Prints one recognition event a picture, in the order of the pictures; a folder stands for the pictures in it.
An unreadable picture is answered in its place and costs nothing else. Exit code 1 where no picture could be read.

${recognitionHelp}
  --draw DIR              write the pictures with boxes, names and scores drawn
  --json                  JSON lines: a recognition event, or {"source", "error": {"code", "message"}}

Example: sightline recognize shelf.jpg photos/ --gallery products.gallery --max-boxes 50 --draw seen/ --json`,
  options: { ...recognitionOptions, draw: { type: 'string' }, json: { type: 'boolean' } },

  async run(values, positionals, terminal) {
    if (positionals.length === 0) throw usageError('which pictures? sightline recognize PATH… --gallery DIR')
    const settings = await recognitionOf(values, terminal)
    const paths = await expandPaths(positionals, terminal.err)
    if (paths.length === 0) throw usageError(`there are no pictures in ${positionals.join(', ')}`)
    await using pipeline = await openPipeline(settings, { log: logFor(terminal) })
    tellExecution(pipeline.networks, terminal.err)
    const draw = await drawer(text(values, 'draw'))
    using progress = openProgress(terminal, 'recognizing', paths.length)
    const print = flag(values, 'json') ? jsonLine : readableLine
    let read = 0
    let index = 0
    for await (const answer of recognizeInOrder(pipeline, framesOf(paths), terminal.stop)) {
      const path = paths[index++]!
      if (answer.kind === 'event') {
        read += 1
        // The picture is read again for it, and may be gone by then.
        await draw(path, answer).catch((error: unknown) => {
          if (!(error instanceof SightlineError) || error.code !== 'FILE_UNREADABLE') throw error
          terminal.err(`not drawn: ${error.message}`)
        })
      }
      progress.advance()
      terminal.out(print(path, answer))
    }
    return read > 0 || terminal.stop.aborted ? 0 : 1
  },
}

/** Reads the files one after the other, when it is their turn. */
async function* framesOf(paths: readonly string[]): AsyncGenerator<FrameOrError> {
  for (const [index, path] of paths.entries()) {
    const id = String(index)
    try {
      yield { id, camera: 'files', source: path, bytes: await readPictureFile(path) }
    } catch (cause) {
      yield { id, error: unreadableFile(path, cause) }
    }
  }
}

/** Pictures of the same name in different folders get a number, so that none overwrites another. */
async function drawer(folder: string | undefined): Promise<(path: string, answer: Answer) => Promise<void>> {
  if (folder === undefined) return () => Promise.resolve()
  await mkdir(folder, { recursive: true })
  const used = new Set<string>()
  return async (path, answer) => {
    if (answer.kind !== 'event') return
    const stem = parse(basename(path)).name
    let name = `${stem}.jpg`
    for (let n = 2; used.has(name); n += 1) name = `${stem}-${n}.jpg`
    used.add(name)
    await writeFile(join(folder, name), await drawEvent(await readPictureFile(path), answer.event))
  }
}

const jsonLine = (path: string, answer: Answer): string =>
  JSON.stringify(
    answer.kind === 'event' ? answer.event : { source: path, error: { code: answer.code, message: answer.reason } },
  )

const readableLine = (path: string, answer: Answer): string =>
  answer.kind === 'event' ? eventLine(answer.event) : `${path}: ${answer.code}: ${answer.reason}`
