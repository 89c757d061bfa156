/** Published = events + dead letters, always: three stages over the in-memory bus, failing at random in every way they can. */
import { expect, test } from 'vitest'
import { MemoryBus } from '../../../shared/bus/memory/memory-bus.ts'
import { topicNames } from '../../../shared/contracts/topology.ts'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { startStage } from '../../../shared/stage/run-stage.ts'
import { done, failed, type Outcome, type Stage } from '../../../shared/stage/stage.ts'

/** A small generator of repeatable random numbers in 0..1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Of the items some are bad for good, some batches meet a broken world, some a bug. */
function unreliable(name: string, next: () => number): Stage<string, string> {
  return {
    name,
    process: async (batch) => {
      if (next() < 0.1) throw new SightlineError('GALLERY_UNAVAILABLE', 'away', { retryable: true })
      return batch.map((item): Outcome<string> => {
        const poison = Number(item.split('-')[1]) % 17
        if (poison === 3) return failed(new SightlineError('IMAGE_UNREADABLE', 'bad'))
        if (poison === 5 && name === 'embedder') throw new Error('bug')
        return done(item)
      })
    },
  }
}

test.each([1, 2, 3])('the books close under random failures, seed %i', async (seed) => {
  const next = random(seed)
  await using bus = new MemoryBus({ partitions: 4, redelivery: { initialBackoffMs: 1, maxBackoffMs: 2 } })
  const topics = topicNames()
  const chain = [
    ['detector', topics.frames, topics.detections],
    ['embedder', topics.detections, topics.embeddings],
    ['matcher', topics.embeddings, topics.recognitions],
  ] as const
  for (const [name, input, output] of chain) {
    await startStage(
      { bus, group: name, maxBatch: 5, report: () => undefined, now: Date.now },
      {
        input,
        stage: unreliable(name, next),
        decode: ({ value }) => Buffer.from(value ?? []).toString(),
        encode: (item) => ({ topic: output, key: item.split('-')[0]!, value: Buffer.from(item), headers: {} }),
        subject: {
          name: 'frame',
          id: ({ value }) => Buffer.from(value ?? []).toString(),
          headers: (id) => ({ 'frame-id': id }),
          skipped: () => null,
          since: Date.now,
        },
      },
    )
  }
  const frames = Array.from({ length: 400 }, (_, index) => `cam${index % 6}-${index}`)
  const ended: string[] = []
  const { promise: all, resolve } = Promise.withResolvers<void>()
  for (const topic of ['recognitions', 'frames.dlq', 'detections.dlq', 'embeddings.dlq']) {
    await bus.subscribe({ group: 'books', topic, maxBatch: 10 }, async (batch) => {
      ended.push(...batch.map(({ value }) => Buffer.from(value ?? []).toString()))
      if (ended.length >= frames.length) resolve()
      return []
    })
  }
  for (const frame of frames) {
    await bus.publish([{ topic: 'frames', key: frame.split('-')[0]!, value: Buffer.from(frame), headers: {} }])
  }
  await all
  expect(ended.toSorted()).toEqual(frames.toSorted())
})
