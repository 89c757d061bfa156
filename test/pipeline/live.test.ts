import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Connect, type LiveFrame, newestFrames } from '../../pipeline/sources/live.ts'
import { SightlineError } from '../../shared/errors/errors.ts'

const patience = { initialBackoffMs: 10, maxBackoffMs: 40, silenceMs: 200, steadyMs: 1000 }

function watch(connect: Connect) {
  const stop = new AbortController()
  const told: string[] = []
  let dropped = 0
  const losses = {
    tell: (line: string) => void told.push(line),
    count: (loss: { dropped?: number }) => {
      dropped += loss.dropped ?? 0
    },
  }
  const frames = newestFrames(connect, { name: 'cam', stop: stop.signal, losses, patience })
  return { frames, stop, told, dropped: () => dropped }
}

const numberOf = (frame: LiveFrame | undefined): number => frame!.bytes[0]!

/** A camera that sends so many pictures, one each `ms`, and then breaks off. */
async function* camera(first: number, count: number, ms: number, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let n = first; n < first + count && !stop.aborted; n += 1) {
    await sleep(ms, undefined, { signal: stop }).catch(() => undefined)
    if (!stop.aborted) yield Uint8Array.of(n)
  }
}

const away = (): never => {
  throw new SightlineError('FILE_UNREADABLE', 'Connection refused')
}

test('whoever is slower than the camera gets its newest frame, and the others are counted', async () => {
  const { frames, stop, dropped } = watch((signal) => camera(0, 250, 4, signal))
  const taken: number[] = []
  const ages: number[] = []
  for await (const frame of frames) {
    taken.push(numberOf(frame))
    ages.push(Date.now() - frame.at.getTime())
    if (taken.length === 5) stop.abort()
    await sleep(100)
  }
  expect(taken).toHaveLength(5)
  expect(taken.at(-1)! - taken[0]!).toBeGreaterThan(40)
  expect(Math.max(...ages)).toBeLessThan(60)
  expect(dropped()).toBeGreaterThan(40)
})

test('a camera that was away goes on when it is back; each is told once', async () => {
  let attempt = 0
  const { frames, stop, told } = watch((signal) => {
    attempt += 1
    return attempt === 1 || attempt > 4 ? camera(attempt * 10, 3, 10, signal) : away()
  })
  const taken: number[] = []
  for await (const frame of frames) {
    taken.push(numberOf(frame))
    if (numberOf(frame) >= 50) break
  }
  stop.abort()
  expect(taken.slice(0, 3)).toEqual([10, 11, 12])
  expect(told).toEqual([
    'cam: away (the stream ended); trying again until it is back',
    expect.stringMatching(/^cam: back after \d+ s$/),
  ])
})

test('a connection that falls silent is given up', async () => {
  let connections = 0
  const { frames, told } = watch(async function* (signal) {
    connections += 1
    yield* camera(connections * 10, 2, 1, signal)
    await sleep(60_000, undefined, { signal }).catch(() => undefined)
  })
  for await (const frame of frames) if (numberOf(frame) >= 20) break
  expect(told[0]).toBe('cam: away (no picture for 0.2 s); trying again until it is back')
})

test('an address that never worked is an error', async () => {
  await expect(watch(away).frames.next()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  const silent = watch((signal) => camera(0, 0, 0, signal))
  await expect(silent.frames.next()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
})

test('a still picture ends', async () => {
  const { frames } = watch((signal) => camera(0, 1, 1, signal))
  expect((await frames.next()).done).toBe(false)
  expect((await frames.next()).done).toBe(true)
})

test('a stop ends it while it waits for a frame, and while the camera is away', async () => {
  for (const count of [2, 1000]) {
    let attempt = 0
    const { frames, stop } = watch((signal) => (attempt++ === 0 ? camera(0, count, 1, signal) : away()))
    await frames.next()
    setTimeout(() => stop.abort(), 100)
    const started = performance.now()
    while ((await frames.next()).done !== true) await sleep(1)
    expect(performance.now() - started).toBeLessThan(1000)
  }
})
