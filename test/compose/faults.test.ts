/** Everything breaks while frames flow through the containers: every frame must end once. Prints how each fault ended. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { topicNames } from '../../shared/contracts/topology.ts'
import { Books, type Ends, endsLine } from '../harness/books.ts'
import { product } from '../harness/pictures.ts'
import { Feed } from './feed.ts'
import { isShort, Stack, say } from './stack.ts'

/** Longer than a minute: what counts in minutes somewhere is over. */
const awaySeconds = isShort ? 8 : 68
const pausedSeconds = isShort ? 8 : 60
const framesPerSecond = 10
/** Frames flow so long before and after a fault. */
const aroundSeconds = isShort ? 2 : 4
const everything = ['detector', 'embedder', 'matcher', 'kafka', 'qdrant', 'redis']

type Fault = readonly [name: string, (stack: Stack) => Promise<unknown>]

const faults: readonly Fault[] = [
  ...['detector', 'embedder', 'matcher'].map(
    (service): Fault => [
      `the process of the ${service} dies`,
      // The wrapper lives on, and holds the restart back until the session has expired.
      (stack) => stack.exec(service, 'sh', '-c', 'kill -9 $(cat /proc/1/task/1/children)'),
    ],
  ),
  ...['detector', 'kafka', 'qdrant', 'redis'].map(
    (service): Fault => [`the container of ${service} dies`, (stack) => stack.crash(service)],
  ),
  ['all containers die at once', (stack) => stack.crash(...everything)],
  ['the broker is restarted', (stack) => stack.compose('restart', 'kafka')],
  ...['redis', 'qdrant'].map(
    (service): Fault => [
      `${service} is away for ${awaySeconds} s`,
      async (stack) => {
        await stack.compose('stop', service)
        await sleep(awaySeconds * 1000)
        await stack.compose('start', service)
      },
    ],
  ),
  ...[['detector'], ['embedder', 'matcher']].map(
    (services): Fault => [
      `${services.join(' and ')} freeze for ${pausedSeconds} s`,
      async (stack) => {
        await stack.compose('pause', ...services)
        await sleep(pausedSeconds * 1000)
        await stack.compose('unpause', ...services)
      },
    ],
  ),
]

const clean = (ends: Ends): Ends => ({ ...ends, events: ends.published, dead: 0, doubles: 0, missing: 0 })

describe.skipIf(inject('dockerMissing') !== '')('every frame ends once', { timeout: 600_000 }, () => {
  let stack: Stack
  let books: Books
  let pictures: readonly Buffer[]

  beforeAll(async () => {
    stack = await Stack.open()
    await stack.compose('up', '--detach', '--build', '--wait')
    books = new Books([stack.broker], topicNames())
    pictures = await Promise.all([0, 1, 2, 3].map((number) => product(number)))
  })
  afterAll(async () => {
    await books?.[Symbol.asyncDispose]()
    await stack?.[Symbol.asyncDispose]()
  })

  test.each(faults)('when %s', async (name, happen) => {
    const before = books.published.size
    const camera = name.replaceAll(' ', '-')
    const feed = new Feed(books, framesPerSecond, (number) => ({
      camera: `${camera}-${number % 2}`,
      bytes: pictures[number % pictures.length]!,
    }))
    await sleep(aroundSeconds * 1000)
    await happen(stack)
    await sleep(aroundSeconds * 1000)
    await feed.stop()
    const ends = await books.ends()
    say(`${name}: ${books.published.size - before} frames; in all ${endsLine(ends)}`)
    expect(ends).toEqual(clean(ends))
  })
})
