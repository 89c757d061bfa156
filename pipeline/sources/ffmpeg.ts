/** Every picture of a video as a JPEG, once and in order, by the ffmpeg on the PATH; what ffmpeg says is told without passwords. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { JpegSplitter } from './split-jpegs.ts'

export interface Video {
  /** What ffmpeg opens, with the options that belong to it in front. */
  readonly input: readonly string[]
  /** What people call it. */
  readonly shown: string
  readonly withoutSecrets: (text: string) => string
}

/** Ends after the last picture, or when `stop` aborts. Throws FILE_UNREADABLE, or USAGE where there is no ffmpeg. */
export async function* picturesOf(video: Video, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const passthrough = await passthroughOption(video)
  if (stop.aborted) return
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin']
  const jpegs = [...passthrough, '-f', 'image2pipe', '-c:v', 'mjpeg', '-q:v', '2', '-']
  const child = spawn('ffmpeg', [...quiet, ...video.input, ...jpegs], { stdio: ['ignore', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (text) => (complaint = `${complaint}${text}`.slice(-4000)))
  const ended = once(child, 'close')
  const end = (): boolean => child.kill('SIGKILL')
  stop.addEventListener('abort', end, { once: true })
  try {
    const splitter = new JpegSplitter()
    for await (const chunk of child.stdout) yield* splitter.push(chunk as Buffer)
    const [code] = await ended
    if (code !== 0 && !stop.aborted) {
      const said = video.withoutSecrets(complaint).trim().split('\n').at(-1) ?? ''
      const reason = said.startsWith(`${video.shown}: `) ? said.slice(video.shown.length + 2) : said
      throw new SightlineError(
        'FILE_UNREADABLE',
        `ffmpeg can't read ${video.shown}: ${reason || `it ended with ${code}`}`,
      )
    }
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    stop.removeEventListener('abort', end)
    end()
  }
}

/**
 * Without it ffmpeg repeats and drops pictures until their rate is even. Up to 5.0 the option is called otherwise; builds
 * that tell no version are newer.
 */
async function passthroughOption({ shown }: Video): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ffmpeg', ['-version']).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') return { stdout: '' }
    throw usageError(`publishing ${shown} needs ffmpeg on the PATH; install it, or give pictures`)
  })
  const [, major, minor] = /^ffmpeg version n?(\d+)\.(\d+)/.exec(stdout) ?? []
  const isOld = major !== undefined && (Number(major) < 5 || (major === '5' && minor === '0'))
  return [isOld ? '-vsync' : '-fps_mode', 'passthrough']
}
