/** Where published frames come from: folders, globs, pictures, videos, or standard input. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { glob, readFile, stat } from 'node:fs/promises'
import { basename, extname, relative, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { picturesIn } from '../pictures.ts'
import { isJpeg, splitJpegs } from './split-jpegs.ts'

export interface SourceOptions {
  /** The camera of all frames; by default the name of the folder or file they come from. */
  readonly camera: string | undefined
  /** Name each frame by its file or its place in the video, so that it is the same frame when it is published again. */
  readonly isNamed: boolean
  readonly input: Readable
  readonly stop: AbortSignal
}

const videoName = /\.(mp4|m4v|mkv|mov|avi|webm|ts|mpe?g|mjpe?g)$/i
const liveVideo = /^(rtsps?|rtmp|https?):\/\//i

/** The frames of one path, in order. Throws FILE_UNREADABLE, IMAGE_UNREADABLE or USAGE. */
export async function* framesFrom(path: string, options: SourceOptions): AsyncGenerator<FrameToPublish> {
  if (path === '-') yield* numbered(fromInput(options.input, options.stop), 'stdin', options)
  else if (liveVideo.test(path)) yield* numbered(fromVideo(path, options.stop), new URL(path).hostname, options)
  else if (videoName.test(path)) yield* numbered(fromVideo(path, options.stop), stem(path), options)
  else yield* fromFiles(path, options)
}

async function* fromFiles(path: string, { camera, isNamed }: SourceOptions): AsyncGenerator<FrameToPublish> {
  const found = await stat(path).catch(() => undefined)
  const files =
    found?.isDirectory() === true ? await picturesIn(path) : found === undefined ? await matching(path) : [path]
  if (files.length === 0) throw new SightlineError('FILE_UNREADABLE', `there are no pictures in ${path}`)
  const folder = found?.isDirectory() === true ? path : '.'
  for (const file of files) {
    const bytes = await readFile(file).catch((cause: unknown) => {
      throw new SightlineError('FILE_UNREADABLE', `${file} can't be read`, { cause })
    })
    const name = relative(folder, file)
    yield {
      camera: camera ?? (found?.isDirectory() === true ? basename(resolve(path)) : stem(file)),
      bytes,
      source: name,
      ...(isNamed ? { id: name } : {}),
    }
  }
}

async function matching(pattern: string): Promise<readonly string[]> {
  const files: string[] = []
  for await (const file of glob(pattern)) files.push(file)
  if (files.length === 0) throw new SightlineError('FILE_UNREADABLE', `there is no ${pattern}`)
  return files.toSorted()
}

async function* numbered(
  pictures: AsyncIterable<Uint8Array>,
  name: string,
  { camera, isNamed }: SourceOptions,
): AsyncGenerator<FrameToPublish> {
  let number = 0
  for await (const bytes of pictures) {
    const source = `${name}#${number}`
    yield { camera: camera ?? name, bytes, source, ...(isNamed ? { id: source } : {}) }
    number += 1
  }
}

/** The pictures of a stream until it ends or `stop` aborts, which does not wait for more to come. */
async function* fromInput(input: Readable, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const end = (): unknown => input.destroy()
  stop.addEventListener('abort', end, { once: true })
  try {
    if (!stop.aborted) yield* pictures(input)
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    stop.removeEventListener('abort', end)
  }
}

/** JPEGs one behind the other, or one picture of any kind. */
async function* pictures(input: Readable): AsyncGenerator<Uint8Array> {
  const chunks = input[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) throw new SightlineError('IMAGE_EMPTY', 'standard input is empty')
  const whole = (async function* () {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => chunks }
  })()
  if (isJpeg(first.value)) yield* splitJpegs(whole)
  else yield await buffer(whole)
}

/** Every picture of a video as a JPEG, by the ffmpeg on the PATH. */
async function* fromVideo(path: string, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin']
  const child = spawn('ffmpeg', [...quiet, '-i', path, '-f', 'image2pipe', '-c:v', 'mjpeg', '-q:v', '2', '-'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', (text) => (complaint = `${complaint}${text}`.slice(-2000)))
  const ended = once(child, 'close')
  // An error at the start is told by `started`, which is asked first.
  ended.catch(() => undefined)
  const started = await once(child, 'spawn').then(
    () => true,
    () => false,
  )
  if (!started) {
    throw new SightlineError(
      'USAGE',
      `publishing the video ${path} needs ffmpeg on the PATH; install it, or give pictures`,
    )
  }
  const end = (): boolean => child.kill('SIGKILL')
  stop.addEventListener('abort', end, { once: true })
  try {
    yield* splitJpegs(child.stdout)
    const [code] = await ended
    if (code !== 0 && !stop.aborted) {
      throw new SightlineError('FILE_UNREADABLE', `ffmpeg can't read ${path}: ${complaint.trim().split('\n').at(-1)}`)
    }
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    stop.removeEventListener('abort', end)
    end()
  }
}

const stem = (path: string): string => basename(path, extname(path))
