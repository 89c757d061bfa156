/** Which frames count as published twice: those of which another message ended in an event, whoever was killed meanwhile. */

import type { Frame } from '@sightline/shared/contracts/frame.ts'
import { stateScope } from '@sightline/shared/contracts/state-keys.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { PictureMemory } from '@sightline/shared/imaging/picture-memory.ts'
import { MemoryState } from '@sightline/shared/state/memory-state.ts'
import type { State } from '@sightline/shared/state/state.ts'
import { beforeAll, expect, test } from 'vitest'
import { detectStage, type OddTime } from '../../../services/detector/detect.ts'
import { FrameMemory } from '../../../services/detector/frame-memory.ts'
import { product } from '../../harness/pictures.ts'

let picture: Buffer
beforeAll(async () => {
  picture = await product(0)
})

const frame = (offset: number, fields: Partial<Frame> = {}): Frame => ({
  id: 'cam-1:one',
  camera: 'cam-1',
  source: 's',
  capturedAt: Date.now(),
  oddTime: null,
  position: `frames-0-${offset}`,
  isNamed: true,
  bytes: picture,
  ...fields,
})
const damaged = { bytes: Buffer.from('not a picture') }

/** A detector of one deployment; its network sees nothing. */
function detector(state: State, { scope = 'a', fail = async () => undefined as unknown, told = [] as OddTime[] } = {}) {
  const options = { scope, dedupeMs: 60_000, onState: () => undefined }
  const stage = detectStage({
    session: {
      queued: 0,
      msPerPicture: null,
      execution: { providers: ['cpu'], fellBack: null } as never,
      closed: new Promise(() => undefined),
      submit: async () => {
        await fail()
        const look = { scene: 'normal', columns: 1, rows: 1, maxBoxes: 5 } as const
        return { boxes: [], crops: [], look, threshold: 0.5 }
      },
      [Symbol.asyncDispose]: async () => undefined,
    },
    model: { name: 'none', sha256: 'aa' },
    detectionThreshold: 0.5,
    scene: () => 'auto',
    maxMessageBytes: () => 2 ** 20,
    limits: { maxBytes: 2 ** 20, maxPixels: 1e6, timeoutSeconds: 20 },
    cropCodec: { format: 'raw' },
    maxFrameAgeMs: () => 3_600_000,
    memory: new FrameMemory(state, options),
    framesAtOnce: 4,
    pictureMemory: new PictureMemory(2 ** 30),
    now: Date.now,
    onOddTime: (one) => told.push(one),
  })
  return async (...frames: readonly Frame[]): Promise<string> => {
    const outcomes = await stage.process(frames, new AbortController().signal)
    return outcomes
      .map((one) => (one.kind === 'failed' ? one.error.code : one.kind === 'dropped' ? one.reason : one.kind))
      .join(' ')
  }
}

test('the second message of a frame is dropped, the same one that comes again is not', async () => {
  const detect = detector(new MemoryState())
  expect(await detect(frame(1))).toBe('done')
  expect(await detect(frame(2), frame(1))).toBe('duplicate done')
  expect(await detect(frame(3, { isNamed: false }), frame(4, { id: 'cam-1:two' }))).toBe('done done')
})

test('a frame that came damaged first, or too large, is none that came before', async () => {
  const detect = detector(new MemoryState())
  expect(await detect(frame(1, damaged))).toBe('IMAGE_UNREADABLE')
  expect(await detect(frame(2, { bytes: Buffer.alloc(2 ** 20 + 1) }))).toBe('IMAGE_TOO_LARGE')
  expect(await detect(frame(3))).toBe('done')
  expect(await detect(frame(1, damaged))).toBe('duplicate')
})

test('of damaged and whole ones in one batch, in any order, the whole one is handed on', async () => {
  expect(await detector(new MemoryState())(frame(1, damaged), frame(2))).toMatch(/^\S+ done$/)
  expect(await detector(new MemoryState())(frame(1), frame(2, damaged))).toMatch(/^done \S+$/)
})

test('of two detectors that compute one frame at a time, one hands it on', async () => {
  const state = new MemoryState()
  const both = Promise.withResolvers<void>()
  let computing = 0
  const fail = async () => {
    computing += 1
    if (computing === 2) both.resolve()
    await both.promise
  }
  const ends = await Promise.all([1, 2].map((offset) => detector(state, { fail })(frame(offset))))
  expect(ends.toSorted()).toEqual(['done', 'duplicate'])
})

test('a stale frame ended in an event, too', async () => {
  const detect = detector(new MemoryState())
  expect(await detect(frame(1, { capturedAt: Date.now() - 7_200_000 }))).toBe('done')
  expect(await detect(frame(2))).toBe('duplicate')
})

test('whoever is killed while computing, or when nothing is committed yet, is in nobody’s way', async () => {
  const state = new MemoryState()
  const away = new SightlineError('BUS_UNAVAILABLE', 'away', { retryable: true })
  const killed = detector(state, { fail: () => Promise.reject(away) })
  await expect(killed(frame(1))).rejects.toBe(away)
  expect(await detector(state)(frame(2))).toBe('done')
  // Message 2 was not committed: it comes again, fails this time, and message 3 counts.
  const failing = detector(state, { fail: () => Promise.reject(new SightlineError('IMAGE_TIMEOUT', 'late')) })
  expect(await failing(frame(2))).toBe('IMAGE_TIMEOUT')
  expect(await detector(state)(frame(3))).toBe('done')
})

test('deployments of other clusters, prefixes and groups know nothing of each other', async () => {
  const state = new MemoryState()
  const scopes = [
    { cluster: 'c', prefix: '', group: 'g' },
    { cluster: 'c', prefix: 'p.', group: 'g' },
    { cluster: 'c', prefix: 'p.', group: 'h' },
    { cluster: 'd', prefix: '', group: 'g' },
    { cluster: 'c/', prefix: '', group: 'g' },
    { cluster: 'c', prefix: '', group: '/g' },
  ].map(stateScope)
  expect(new Set(scopes).size).toBe(scopes.length)
  for (const scope of scopes) expect(await detector(state, { scope })(frame(1))).toBe('done')
  for (const scope of scopes) expect(await detector(state, { scope })(frame(2))).toBe('duplicate')
})

test('an odd time is told with each frame, as the first once a camera', async () => {
  const told: OddTime[] = []
  const detect = detector(new MemoryState(), { told })
  const odd = (offset: number, camera: string) =>
    frame(offset, { id: `${camera}:${offset}`, camera, oddTime: "ce_time '0'" })
  await detect(odd(1, 'a'), odd(2, 'a'), frame(3), odd(4, 'b'))
  expect(told.map(({ camera, isFirst }) => `${camera} ${isFirst}`)).toEqual(['a true', 'a false', 'b true'])
})
