/** The runner's promises: one end per message, bad items apart from a bad world, nothing counted twice. */
import { describe, expect, test } from 'vitest'
import type { Delivery, Publication } from '../../../shared/bus/bus.ts'
import { assertMessageSize } from '../../../shared/bus/message-size.ts'
import { messageLimit } from '../../../shared/contracts/dead-letter-topics.ts'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { type BatchReport, stageHandler } from '../../../shared/stage/run-stage.ts'
import { done, doneAll, dropped, failed, type Stage } from '../../../shared/stage/stage.ts'

const text = (value: Uint8Array | null): string => new TextDecoder().decode(value ?? undefined)

const deliveries = (...values: string[]): Delivery[] =>
  values.map((value, index) => ({
    topic: 'in',
    partition: 2,
    offset: BigInt(index),
    timestamp: 0,
    key: 'cam',
    value: new TextEncoder().encode(value),
    headers: { traceparent: `trace-${index}`, other: 'kept only by dead letters' },
  }))

/** Upper-cases; `bad` fails, `again` is dropped, `bug` throws, `down` finds the world broken. */
const shouting: Stage<string, string> = {
  name: 'shouting',
  process: async (batch) =>
    batch.map((item) => {
      if (item === 'bad') return failed(new SightlineError('IMAGE_UNREADABLE', 'not a picture'))
      if (item === 'again') return dropped('duplicate')
      if (item === 'bug') throw new TypeError('undefined is not a function')
      if (item === 'down') throw new SightlineError('GALLERY_UNAVAILABLE', 'Qdrant is away', { retryable: true })
      return done(item.toUpperCase())
    }),
}

function run(stage: Stage<string, string>, batch: readonly Delivery[], signal = new AbortController().signal) {
  const reports: BatchReport[] = []
  const handler = stageHandler(
    { report: (report) => reports.push(report), now: () => 1_700_000_000_000, maxMessageBytes: messageLimit(2000) },
    {
      stage,
      decode: ({ value }) => {
        if (text(value) === '?') throw new SightlineError('MESSAGE_UNREADABLE', 'what is that?')
        return text(value)
      },
      encode: (out) => ({ topic: 'out', key: 'cam', value: new TextEncoder().encode(out), headers: {} }),
      subject: {
        name: 'frame',
        id: ({ offset }) => `frame-${offset}`,
        headers: (id) => ({ 'frame-id': id }),
        skipped: (out) => (out === 'LATE' ? 'stale' : null),
        since: () => 1_700_000_000_000 - 5000,
      },
    },
  )
  return { reports, published: handler(batch, signal) }
}

const summary = async (published: ReturnType<typeof run>['published']) =>
  (await published).map(({ topic, value }) => `${topic} ${text(value)}`)

test('hands every message on in order, with the frame id and the trace in the headers', async () => {
  const published = await run(shouting, deliveries('a', 'b')).published
  expect(published.map(({ topic, value, headers }) => ({ topic, value: text(value), headers }))).toEqual([
    { topic: 'out', value: 'A', headers: { 'frame-id': 'frame-0', traceparent: 'trace-0' } },
    { topic: 'out', value: 'B', headers: { 'frame-id': 'frame-1', traceparent: 'trace-1' } },
  ])
})

describe('a bad item becomes a dead letter and costs the others nothing', () => {
  test('when the stage refuses it', async () => {
    expect(await summary(run(shouting, deliveries('a', 'bad', 'b')).published)).toEqual([
      'out A',
      'in.dlq bad',
      'out B',
    ])
  })

  test('when it can not be decoded', async () => {
    expect(await summary(run(shouting, deliveries('?', 'b')).published)).toEqual(['in.dlq ?', 'out B'])
  })

  test('when it makes the stage throw for the whole batch', async () => {
    expect(await summary(run(shouting, deliveries('a', 'bug', 'b')).published)).toEqual([
      'out A',
      'in.dlq bug',
      'out B',
    ])
  })

  test('and it says where it was, what was wrong and when, beside the original message', async () => {
    const [letter] = await run(shouting, deliveries('bad')).published
    expect(letter).toMatchObject({
      key: 'cam',
      headers: {
        traceparent: 'trace-0',
        other: 'kept only by dead letters',
        'frame-id': 'frame-0',
        'dlq-stage': 'shouting',
        'dlq-code': 'IMAGE_UNREADABLE',
        'dlq-reason': 'not a picture',
        'dlq-position': 'in-2-0',
        'dlq-time': '2023-11-14T22:13:20.000Z',
      },
    })
  })

  test('when its answer is larger than the next topic takes', async () => {
    const large = 'x'.repeat(2000)
    const published = await run(shouting, deliveries('a', large, 'b')).published
    expect(published.map(({ topic, headers }) => headers['dlq-code'] ?? topic)).toEqual([
      'out',
      'BUS_MESSAGE_TOO_LARGE',
      'out',
    ])
  })

  test.each([
    ['message', (delivery: Delivery) => ({ ...delivery, value: Buffer.alloc(100_000) })],
    ['key', (delivery: Delivery) => ({ ...delivery, key: 'k'.repeat(100_000) })],
    ['header', (delivery: Delivery) => ({ ...delivery, headers: { traceparent: 't'.repeat(100_000) } })],
  ])('without the message, where its %s makes it larger than the dead-letter topic takes', async (_, enlarge) => {
    const [bad, next] = deliveries('bad', 'b') as [Delivery, Delivery]
    const refusing: Stage<string, string> = {
      ...shouting,
      process: async (batch) =>
        batch.map((item) => (item === 'b' ? done('B') : failed(new SightlineError('IMAGE_UNREADABLE', 'no')))),
    }
    const large = enlarge(bad)
    const [letter, answer] = (await run(refusing, [large, next]).published) as [Publication, Publication]
    expect(() => assertMessageSize(letter, messageLimit(2000))).not.toThrow()
    expect(letter).toMatchObject({
      topic: 'in.dlq',
      value: new Uint8Array(),
      headers: {
        'frame-id': 'frame-0',
        'dlq-code': 'IMAGE_UNREADABLE',
        'dlq-position': 'in-2-0',
        'dlq-left-out': String(large.value?.length),
      },
    })
    expect(answer.topic).toBe('out')
  })

  test('an unexpected error leaves its text in the dead letter', async () => {
    const [letter] = await run(shouting, deliveries('bug')).published
    expect(letter?.headers).toMatchObject({
      'dlq-code': 'INTERNAL',
      'dlq-reason': expect.stringContaining('undefined'),
    })
  })
})

describe('a bad world', () => {
  test('makes the handler throw, so that nothing is published or counted', async () => {
    const { published, reports } = run(shouting, deliveries('a', 'down', 'b'))
    await expect(published).rejects.toMatchObject({ code: 'GALLERY_UNAVAILABLE' })
    expect(reports).toEqual([])
  })

  test('is found also while a poisonous item is tracked down', async () => {
    await expect(run(shouting, deliveries('bug', 'down')).published).rejects.toMatchObject({ retryable: true })
  })

  test('a lost partition is no reason to bury its messages', async () => {
    const lost = AbortSignal.abort(new Error('rebalance'))
    await expect(run(shouting, deliveries('bug'), lost).published).rejects.toThrow('undefined is not a function')
  })
})

test('a stage that forgets an answer is a bug, not a lost frame', async () => {
  const forgetful: Stage<string, string> = { name: 'forgetful', process: async (batch) => batch.slice(1).map(done) }
  expect(await summary(run(forgetful, deliveries('a', 'b')).published)).toEqual(['in.dlq a', 'in.dlq b'])
})

test('tells of every message once, by how it ended', async () => {
  const { published, reports } = run(shouting, deliveries('a', 'bad', 'again', 'late', '?', 'bad'))
  await published
  expect(reports).toHaveLength(1)
  expect(reports[0]!.ends.map(({ position, kind, reason }) => [position, kind, reason])).toEqual([
    ['in-2-0', 'done', null],
    ['in-2-1', 'failed', 'IMAGE_UNREADABLE'],
    ['in-2-2', 'dropped', 'duplicate'],
    ['in-2-3', 'skipped', 'stale'],
    ['in-2-4', 'failed', 'MESSAGE_UNREADABLE'],
    ['in-2-5', 'failed', 'IMAGE_UNREADABLE'],
  ])
  expect(reports[0]!.ends.map(({ ageSeconds }) => ageSeconds)).toEqual([5, null, null, 5, null, null])
})

describe('a stage that answers one message with several', () => {
  /** `a b c` becomes three messages, a blank none. */
  const splitting: Stage<string, string> = {
    name: 'splitting',
    process: async (batch) => batch.map((item) => doneAll(item.split(' ').filter((word) => word !== ''))),
  }

  test('hands all of them on in order, each with the id of its message', async () => {
    const { published, reports } = run(splitting, deliveries('a b', '', 'c'))
    const found = (await published).map(({ value, headers }) => [text(value), headers['frame-id']])
    expect(found).toEqual([
      ['a', 'frame-0'],
      ['b', 'frame-0'],
      ['c', 'frame-2'],
    ])
    expect(reports[0]!.ends.map(({ kind, outputs }) => [kind, outputs])).toEqual([
      ['done', 2],
      ['done', 0],
      ['done', 1],
    ])
  })

  test('hands none of them on where one is too large for its topic', async () => {
    const { published, reports } = run(splitting, deliveries(`a ${'b'.repeat(3000)}`, 'c'))
    expect((await published).map(({ topic }) => topic)).toEqual(['in.dlq', 'out'])
    expect(reports[0]!.ends.map(({ kind, outputs }) => [kind, outputs])).toEqual([
      ['failed', 0],
      ['done', 1],
    ])
  })

  test('answers with something that can not be written: that message is bad, the others go on', async () => {
    const reports: BatchReport[] = []
    const subject = { name: 'picture', id: () => 'p-1', headers: () => ({}), skipped: () => null, since: () => null }
    const encode = (out: string) => {
      if (out === 'x') throw new TypeError('x is no picture')
      return { topic: 'out', key: '', value: new TextEncoder().encode(out), headers: {} }
    }
    const handler = stageHandler<string, string>(
      { report: (report) => reports.push(report), now: () => 0, maxMessageBytes: messageLimit(2000) },
      { stage: splitting, subject, decode: ({ value }) => text(value), encode },
    )
    const published = await handler(deliveries('a x', 'b'), new AbortController().signal)
    expect(published.map(({ topic }) => topic)).toEqual(['in.dlq', 'out'])
    expect(reports[0]).toMatchObject({
      subject: 'picture',
      ends: [{ kind: 'failed' }, { kind: 'done', ageSeconds: null }],
    })
  })
})
