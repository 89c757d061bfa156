/** Many frames, and a few huge ones in between, with every limit of docker-compose.yml: each ends, and nothing is killed for memory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { topicNames } from '../../shared/contracts/topology.ts'
import { Books, endsLine } from '../harness/books.ts'
import { product } from '../harness/pictures.ts'
import { Feed } from './feed.ts'
import { isShort, Stack, say } from './stack.ts'

const seconds = isShort ? 8 : 40
const framesPerSecond = 20
const services = ['detector', 'embedder', 'matcher']

describe.skipIf(inject('dockerMissing') !== '')('under load', { timeout: 1_800_000 }, () => {
  let stack: Stack
  let books: Books

  beforeAll(async () => {
    stack = await Stack.open()
    await stack.compose('up', '--detach', '--build', '--wait')
    books = new Books([stack.broker], topicNames())
  })
  afterAll(async () => {
    await books?.[Symbol.asyncDispose]()
    await stack?.[Symbol.asyncDispose]()
  })

  test('20 frames/s with 4K and 64-megapixel pictures in between: an event or a dead letter each, no kill', async () => {
    const usual = await Promise.all([0, 1, 2, 3].map((number) => product(number, { width: 1280, height: 960 })))
    const wide = await product(1, { width: 3840, height: 2160 })
    const huge = await product(2, { width: 8000, height: 8000 })
    // Twelve at once first, then one now and then.
    const burst = Array.from({ length: 12 }, (_, number) => ({ camera: `huge-${number % 4}`, bytes: huge }))
    await books.publish(burst)
    const feed = new Feed(books, framesPerSecond, (number) => {
      if (number % (5 * framesPerSecond) === framesPerSecond) return { camera: 'huge', bytes: huge }
      if (number % framesPerSecond === 0) return { camera: 'wide', bytes: wide }
      return { camera: `cam-${number % 4}`, bytes: usual[number % usual.length]! }
    })
    await sleep(seconds * 1000)
    await feed.stop()
    const ends = await books.ends()
    say(`${framesPerSecond} frames/s for ${seconds} s: ${endsLine(ends)}`)
    for (const service of services) {
      const peaks = await stack.exec(
        service,
        'sh',
        '-c',
        'cat /proc/[0-9]*/status | grep VmHWM | sort -k 2 -n | tail -n 1',
      )
      say(`${service}: peak ${Math.round(Number(/\d+/.exec(peaks.out)?.[0]) / 1024)} MiB`)
    }
    expect(ends).toMatchObject({ doubles: 0, missing: 0 })
    expect(ends.events + ends.dead).toBe(ends.published)
    for (const { Name, RestartCount, State } of await stack.containers()) {
      expect([Name, RestartCount, State.OOMKilled]).toEqual([Name, 0, false])
    }
  })
})
