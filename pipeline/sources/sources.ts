/** Where published frames come from: folders, globs, pictures, videos, cameras on the network, or standard input. */
import { glob, stat } from 'node:fs/promises'
import { basename, extname, relative, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import type { FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { leftOutLine, listPictures, readPictureFile, unreadableFile } from '../pictures.ts'
import { isAddress, parseAddress } from './address.ts'
import { picturesOf, type Video } from './ffmpeg.ts'
import { fromInput } from './input.ts'
import { newestFrames } from './live.ts'
import type { Losses } from './losses.ts'

export interface SourceOptions {
  /** The camera of all frames; by default the name of the folder or file they come from, or the host of the address. */
  readonly camera: string | undefined
  /** Name each frame by its file or its place in the video, so that it is the same frame when it is published again. */
  readonly isNamed: boolean
  readonly input: Readable
  readonly stop: AbortSignal
  readonly losses: Losses
}

/** A frame, or why there is none: one that can't be read costs only itself. */
export type SourceFrame =
  | (FrameToPublish & { readonly source: string })
  | { readonly source: string; readonly error: SightlineError }

const videoName = /\.(mp4|m4v|mkv|mov|avi|webm|ts|mpe?g|mjpe?g)$/i

/** Throws USAGE where a path can't be meant so: asked for all paths before the first is opened. */
export function assertPath(path: string): void {
  if (isAddress(path)) parseAddress(path)
}

/** The frames of one path, in order. Throws USAGE. */
export async function* framesFrom(path: string, options: SourceOptions): AsyncGenerator<SourceFrame> {
  try {
    if (path === '-') yield* numbered(fromInput(options.input, options.stop, options.losses), 'stdin', options)
    else if (isAddress(path)) yield* fromAddress(path, options)
    else yield* fromPath(path, options)
  } catch (error) {
    if (!(error instanceof SightlineError) || error.code === 'USAGE') throw error
    yield { source: path === '-' ? 'stdin' : isAddress(path) ? parseAddress(path).host : path, error }
  }
}

async function* fromAddress(path: string, options: SourceOptions): AsyncGenerator<SourceFrame> {
  const address = parseAddress(path)
  // Over UDP, RTSP's own choice, pictures of a busy network are torn.
  const transport = address.scheme.startsWith('rtsp') ? ['-rtsp_transport', 'tcp'] : []
  const video: Video = { ...address, input: [...transport, '-i', address.href] }
  const { host, isLive } = address
  if (!isLive) return yield* numbered(picturesOf(video, options.stop), host, options)
  const connect = (stop: AbortSignal): AsyncIterable<Uint8Array> => picturesOf(video, stop)
  yield* numbered(newestFrames(connect, { ...options, name: host }), host, options)
}

async function* fromPath(path: string, options: SourceOptions): AsyncGenerator<SourceFrame> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw unreadableFile(path, error)
    return null
  })
  if (found === null) yield* fromGlob(path, options)
  else if (found.isDirectory()) yield* fromFolder(path, options)
  else if (videoName.test(path)) yield* numbered(picturesOf(localVideo(path), options.stop), stem(path), options)
  else yield await pictureOf(path, path, options.camera ?? stem(path), options)
}

async function* fromFolder(folder: string, options: SourceOptions): AsyncGenerator<SourceFrame> {
  const contents = await listPictures(folder)
  const line = leftOutLine(folder, contents)
  if (line !== null) options.losses.tell(line)
  if (contents.pictures.length + contents.closed.length === 0) {
    throw new SightlineError('FILE_UNREADABLE', `there are no pictures in ${folder}`)
  }
  const camera = options.camera ?? basename(resolve(folder))
  for (const path of [...contents.pictures, ...contents.closed]) {
    yield await pictureOf(path, relative(folder, path), camera, options)
  }
}

async function* fromGlob(pattern: string, options: SourceOptions): AsyncGenerator<SourceFrame> {
  const paths: string[] = []
  for await (const path of glob(pattern)) if (path !== pattern) paths.push(path)
  if (paths.length === 0) throw new SightlineError('FILE_UNREADABLE', `there is no ${pattern}`)
  for (const path of paths.toSorted()) yield* framesFrom(path, options)
}

async function pictureOf(path: string, name: string, camera: string, { isNamed }: SourceOptions): Promise<SourceFrame> {
  try {
    return { camera, bytes: await readPictureFile(path), source: name, ...(isNamed ? { id: name } : {}) }
  } catch (error) {
    if (!(error instanceof SightlineError)) throw error
    return { source: name, error }
  }
}

async function* numbered(
  pictures: AsyncIterable<Uint8Array | { readonly bytes: Uint8Array; readonly at: Date }>,
  name: string,
  { camera, isNamed }: SourceOptions,
): AsyncGenerator<SourceFrame> {
  let number = 0
  for await (const picture of pictures) {
    const source = `${name}#${number}`
    const frame = picture instanceof Uint8Array ? { bytes: picture } : { bytes: picture.bytes, capturedAt: picture.at }
    yield { camera: camera ?? name, ...frame, source, ...(isNamed ? { id: source } : {}) }
    number += 1
  }
}

/** `file:` keeps ffmpeg from taking what is in front of a colon for a protocol. */
const localVideo = (path: string): Video => ({
  input: ['-i', `file:${path}`],
  shown: path,
  withoutSecrets: (text) => text.replaceAll(`file:${path}`, path),
})

const stem = (path: string): string => basename(path, extname(path))
