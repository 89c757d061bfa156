/** Sources as `publish` reads them: videos and cameras by the real ffmpeg, standard input, paths that can't be read. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { LossCounts } from '../../pipeline/sources/losses.ts'
import { framesFrom, type SourceFrame } from '../../pipeline/sources/sources.ts'
import type { SightlineError } from '../../shared/errors/errors.ts'
import { product } from '../harness/pictures.ts'
import { startRtspServer } from '../harness/rtsp-server.ts'

const run = promisify(execFile)
const hasFfmpeg = await run('ffmpeg', ['-version']).then(
  () => true,
  () => false,
)
if (!hasFfmpeg) process.stdout.write('not covered: videos and cameras as sources (no ffmpeg on the PATH)\n')

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
})
afterEach(() => void vi.unstubAllEnvs())

function reading(path: string, input: Readable = Readable.from([])) {
  const stop = new AbortController()
  const told: string[] = []
  const counts: Partial<Record<keyof LossCounts, number>> = {}
  const losses = {
    tell: (line: string) => void told.push(line),
    count: (loss: Partial<LossCounts>) => {
      for (const [name, number] of Object.entries(loss)) {
        counts[name as keyof LossCounts] = (counts[name as keyof LossCounts] ?? 0) + number
      }
    },
  }
  const frames = framesFrom(path, { camera: undefined, isNamed: false, input, stop: stop.signal, losses })
  return { frames, stop, told, counts }
}

async function all(frames: AsyncIterable<SourceFrame>): Promise<SourceFrame[]> {
  const seen: SourceFrame[] = []
  for await (const frame of frames) seen.push(frame)
  return seen
}

const errorOf = (frame: SourceFrame | undefined): SightlineError => {
  if (frame === undefined || !('error' in frame)) throw new Error('a frame, not an error')
  return frame.error
}

describe('standard input', () => {
  const from = (...chunks: Uint8Array[]) => reading('-', Readable.from(chunks))

  test('takes multipart pictures, and tells once what lies between them', async () => {
    const jpegs = await Promise.all([0, 1, 2].map((n) => product(n)))
    const parts = jpegs.flatMap((one) => [
      Buffer.from(`--b\r\nContent-Type: image/jpeg\r\nContent-Length: ${one.length}\r\n\r\n`),
      one,
      Buffer.from('\r\n'),
    ])
    const { frames, told, counts } = from(...parts, Buffer.from('--b--\r\n'))
    const seen = await all(frames)
    expect(seen.map((frame) => !('error' in frame) && jpegs.findIndex((one) => one.equals(frame.bytes)))).toEqual([
      0, 1, 2,
    ])
    expect(told).toEqual([expect.stringMatching(/^stdin: passed over \d+ bytes that belong to no whole picture$/)])
    expect(counts.skippedBytes).toBeGreaterThan(0)
  })

  test('takes one picture of any kind, in pieces of any size', async () => {
    for (const format of ['png', 'webp', 'gif', 'tiff', 'avif', 'jpeg'] as const) {
      const picture = await sharp(await product(1))
        .toFormat(format)
        .toBuffer()
      const pieces = Array.from({ length: Math.ceil(picture.length / 7) }, (_, n) => picture.subarray(n * 7, n * 7 + 7))
      const [frame, ...more] = await all(from(...pieces).frames)
      expect(more).toEqual([])
      expect('error' in frame! ? frame.error : Buffer.compare(frame!.bytes, picture), format).toBe(0)
    }
  })

  test('takes a JPEG that lacks its end marker alone', async () => {
    const cut = (await product(1)).subarray(0, -2)
    expect(await all(from(cut).frames)).toMatchObject([{ bytes: new Uint8Array(cut) }])
  })

  /** Garbage without end, that counts what was taken of it. */
  function endless(piece: Uint8Array) {
    let bytes = 0
    const input = new Readable({
      read() {
        bytes += piece.length
        this.push(piece)
      },
    })
    return { input, bytes: () => bytes }
  }

  test.each([
    ['zeros', Buffer.alloc(65_536)],
    ['text', Buffer.from('12:00:00 nothing happened\n'.repeat(100))],
    ['beginnings of JPEGs', Buffer.alloc(65_536, Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 9]))],
    ['a video', Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0mp42isom'.padEnd(65_536, 'x'), 'latin1')],
  ])('refuses endless %s at its beginning', async (_name, piece) => {
    const { input, bytes } = endless(piece)
    const [frame] = await all(reading('-', input).frames)
    expect(errorOf(frame)).toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('stream of JPEG'),
    })
    expect(bytes()).toBeLessThan(4 * 1024 * 1024)
  })

  test('refuses one picture that is too large while it comes', async () => {
    const { input, bytes } = endless(
      Buffer.concat([
        await sharp(await product(1))
          .png()
          .toBuffer(),
        Buffer.alloc(65_536),
      ]),
    )
    const [frame] = await all(reading('-', input).frames)
    expect(errorOf(frame)).toMatchObject({ code: 'IMAGE_TOO_LARGE' })
    expect(bytes()).toBeLessThan(64 * 1024 * 1024)
  })

  test('refuses emptiness', async () => {
    expect(errorOf((await all(from().frames))[0])).toMatchObject({ code: 'IMAGE_EMPTY' })
  })
})

describe('paths', () => {
  test('that can not be read are told in their place', async () => {
    const folder = join(root, 'folder')
    await mkdir(folder)
    await writeFile(join(folder, 'a.jfif'), 'a')
    await symlink('b.jpg', join(folder, 'b.jpg'))
    await writeFile(join(folder, 'c.mpo'), 'c')
    await writeFile(join(folder, 'd.psd'), 'd')
    const { frames, told } = reading(folder)
    expect((await all(frames)).map((one) => ('error' in one ? one.error.code : one.source))).toEqual([
      'a.jfif',
      'FILE_UNREADABLE',
      'c.mpo',
    ])
    expect(told).toEqual([expect.stringContaining('1 .psd')])
    await symlink('loop', join(root, 'loop'))
    await mkdir(join(root, 'empty'))
    for (const path of ['nowhere', 'nowhere/*.jpg', 'loop', 'loop/a.jpg', 'folder/a.jfif/b.jpg', 'empty']) {
      expect(errorOf((await all(reading(join(root, path)).frames))[0])).toMatchObject({ code: 'FILE_UNREADABLE' })
    }
  })

  test('with a password are USAGE errors where they are no addresses', async () => {
    const next = reading('rtsp://admin:p#w@127.0.0.1:8554/live').frames.next()
    await expect(next).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('# as %23') })
  })
})

describe.skipIf(!hasFfmpeg)('videos', () => {
  /** Ten pictures at uneven times, 8.7 s in all. */
  async function uneven(path: string): Promise<void> {
    const times = [0.04, 0.04, 2.5, 0.04, 3.0, 0.04, 0.04, 1.0, 2.0, 0.04]
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    for (const n of times.keys()) await writeFile(join(folder, `${n}.jpg`), await product(n))
    await writeFile(join(folder, 'list.txt'), times.map((time, n) => `file '${n}.jpg'\nduration ${time}\n`).join(''))
    const list = ['-f', 'concat', '-safe', '0', '-i', join(folder, 'list.txt')]
    await run('ffmpeg', ['-v', 'error', ...list, '-fps_mode', 'vfr', '-pix_fmt', 'yuv420p', '-c:v', 'mpeg4', path])
  }

  test('give each of their pictures once, whatever their times', async () => {
    for (const name of ['uneven.mp4', 'uneven.mkv']) {
      await uneven(join(root, name))
      expect((await all(reading(join(root, name)).frames)).map(({ source }) => source)).toEqual(
        Array.from({ length: 10 }, (_, n) => `uneven#${n}`),
      )
    }
  })

  test('have names that mean nothing to ffmpeg', async () => {
    for (const name of ['12:30.avi', 'concat:a|b.avi', '-y.avi']) {
      await run('ffmpeg', [
        '-v',
        'error',
        '-f',
        'lavfi',
        '-i',
        'testsrc=duration=1:rate=5',
        '-f',
        'avi',
        `file:${join(root, name)}`,
      ])
      expect(await all(reading(join(root, name)).frames), name).toHaveLength(5)
    }
  })

  test('that are none are told with their name, once', async () => {
    const path = join(root, 'none.mp4')
    await writeFile(path, 'no video')
    const { message } = errorOf((await all(reading(path).frames))[0])
    expect(message).toMatch(/^ffmpeg can't read .*none\.mp4: Invalid data found/)
    expect(message.split(path)).toHaveLength(2)
  })

  test.each([
    ['ffmpeg version 4.4.2-0ubuntu0', '-vsync'],
    ['ffmpeg version 5.0.1 Copyright', '-vsync'],
    ['ffmpeg version n5.1.4', '-fps_mode'],
    ['ffmpeg version 7.1', '-fps_mode'],
    ['ffmpeg version N-118193-g1234', '-fps_mode'],
  ])('are asked of %s by %s', async (version, option) => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(
      join(folder, 'ffmpeg'),
      `#!/bin/sh\n[ "$1" = -version ] && echo '${version}' && exit\necho "$@" >&2\nexit 1\n`,
    )
    await chmod(join(folder, 'ffmpeg'), 0o755)
    vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`)
    const path = join(root, 'any.mp4')
    await writeFile(path, '')
    expect(errorOf((await all(reading(path).frames))[0]).message).toContain(`${option} passthrough`)
  })
})

describe.skipIf(!hasFfmpeg)('cameras', () => {
  /** An MJPEG camera of 25 frames a second whose brightness is the time, 8 a second. */
  async function mjpegCamera(port = 0): Promise<{ server: Server; port: number; started: number }> {
    const started = Date.now()
    const brightness = (): number => Math.min(250, Math.round((8 * (Date.now() - started)) / 1000))
    const server = createServer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'multipart/x-mixed-replace; boundary=b' })
      const timer = setInterval(async () => {
        const level = brightness()
        const jpeg = await sharp({
          create: { width: 64, height: 64, channels: 3, background: { r: level, g: level, b: level } },
        })
          .jpeg()
          .toBuffer()
        response.write(`--b\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`)
        response.write(jpeg)
        response.write('\r\n')
      }, 40)
      response.on('close', () => clearInterval(timer))
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return { server, port: (server.address() as AddressInfo).port, started }
  }

  const end = async (server: Server): Promise<void> => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  test('give their newest frame, seconds after the first too', { timeout: 60_000 }, async () => {
    const { server, port, started } = await mjpegCamera()
    const { frames, counts } = reading(`http://127.0.0.1:${port}/video`)
    const ages: number[] = []
    for await (const frame of frames) {
      if ('error' in frame) throw frame.error
      const { channels } = await sharp(frame.bytes).stats()
      ages.push((Date.now() - started) / 1000 - channels[0]!.mean / 8)
      if (ages.length === 12) break
      await sleep(500)
    }
    await end(server)
    expect(Math.max(...ages.slice(4))).toBeLessThan(1.5)
    expect(counts.dropped).toBeGreaterThan(60)
  })

  test('that were away go on', { timeout: 60_000 }, async () => {
    const { server, port } = await mjpegCamera()
    const { frames, told } = reading(`http://127.0.0.1:${port}/video`)
    let restarted: Server | undefined
    for (let seen = 0; seen < 20; seen += 1) {
      const { value } = await frames.next()
      if ('error' in value!) throw value.error
      if (seen === 5) await end(server)
      if (seen === 5) setTimeout(async () => (restarted = (await mjpegCamera(port)).server), 1500)
    }
    await frames.return(undefined)
    await end(restarted!)
    expect(told).toEqual([
      expect.stringContaining('127.0.0.1: away'),
      expect.stringMatching(/127\.0\.0\.1: back after [1-9]/),
    ])
  })

  test('are asked for TCP, and log-ins with any character work', { timeout: 60_000 }, async () => {
    const password = 'ge#he/im@ %:'
    await using server = await startRtspServer({ user: 'admin', password })
    const { frames } = reading(`rtsp://admin:${encodeURIComponent(password)}@127.0.0.1:${server.port}/live`)
    for (let seen = 0; seen < 3; seen += 1) {
      const { value } = await frames.next()
      expect(value).toMatchObject({ camera: '127.0.0.1', source: `127.0.0.1#${seen}` })
    }
    await frames.return(undefined)
    expect(server.transports).toEqual([expect.stringContaining('RTP/AVP/TCP')])
  })

  test('that refuse are told without their password', { timeout: 60_000 }, async () => {
    await using server = await startRtspServer({ user: 'admin', password: 'right' })
    const places = [`rtsp://admin:geheim@127.0.0.1:${server.port}/live`, 'rtsp://admin:geheim@127.0.0.1:9/live']
    for (const place of [...places, 'http://admin:geheim@127.0.0.1:9/x.mp4', 'rtmp://admin:geheim@127.0.0.1:9/live']) {
      const frame = (await all(reading(place).frames))[0]!
      expect(errorOf(frame)).toMatchObject({ code: 'FILE_UNREADABLE', message: expect.stringContaining('admin:***@') })
      expect(JSON.stringify([frame, errorOf(frame).message, String(errorOf(frame).stack)])).not.toContain('geheim')
    }
  })
})
