import { setTimeout as sleep } from 'node:timers/promises'
import type { Publication } from '@sightline/shared/bus/bus.ts'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { ensureTopics } from '@sightline/shared/bus/kafka/kafka-topics.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asWritten, Collector, clean, compare, numbered, text } from '../../../harness/bus/collector.ts'
import { type Child, startChild } from '../../../harness/child.ts'
import { freePorts } from '../../../harness/free-port.ts'
import { type KafkaBroker, startKafkaBroker } from '../../../harness/kafka-broker.ts'
import { endTransaction, type KafkaProxy, startKafkaProxy } from '../../../harness/kafka-proxy.ts'
import { requireService } from '../../../harness/services.ts'
import { createTopic, quickTimes } from './kafka-setup.ts'

/** FAULT_ROUNDS=30 for a long run. */
const rounds = Number(process.env['FAULT_ROUNDS'] ?? 3)

const canStart = await requireService('kafka-process')

// A broker that was killed takes 5 s to come back, and a few times longer on a busy machine.
const timeout = 120_000

describe.skipIf(canStart === undefined)(
  'Kafka bus under faults: nothing missing, doubled or out of order',
  { timeout },
  () => {
    let broker: KafkaBroker
    let proxy: KafkaProxy
    let proxyPort: number

    beforeAll(async () => {
      const [port] = (await freePorts(1)) as [number]
      proxyPort = port
      broker = await startKafkaBroker({ proxyPort })
      proxy = await startKafkaProxy(proxyPort, broker.proxyTarget)
    })

    afterAll(async () => {
      await proxy[Symbol.asyncDispose]()
      await broker[Symbol.asyncDispose]()
    })

    /** A stream of messages from one topic to another through worker processes. */
    class Stream implements AsyncDisposable {
      readonly #name: string
      readonly bus = new KafkaBus({ brokers: [broker.address], times: quickTimes })
      readonly #sent: Publication[] = []
      readonly #stop = new AbortController()
      readonly #workers = new AsyncDisposableStack()
      #feeding = Promise.resolve()

      constructor(name: string) {
        this.#name = name
      }

      async open(): Promise<Collector> {
        const config = {}
        const partitions = { partitions: 4, replication: 1, config }
        const topics = ['in', 'out'].map((end) => ({ name: `${this.#name}-${end}`, ...partitions }))
        await ensureTopics({ brokers: [broker.address] }, topics)
        this.#feeding = this.#feed()
        return Collector.on(this.bus, `${this.#name}-out`)
      }

      async worker(): Promise<Child> {
        const [from, to] = [`${this.#name}-in`, `${this.#name}-out`]
        const script = `${import.meta.dirname}/forward-worker.ts`
        const options = ['--brokers', `127.0.0.1:${proxyPort}`, '--group', this.#name, '--from', from, '--to', to]
        const child = this.#workers.use(await startChild(process.execPath, [script, ...options]))
        await new Promise<void>((resolve) => child.onLine((line) => line === 'ready' && resolve()))
        return child
      }

      /** Stops feeding, waits until all has arrived, and compares what a fresh reader finds in the topic with what was sent. */
      async books() {
        this.#stop.abort()
        await this.#feeding
        await using reader = await Collector.on(this.bus, `${this.#name}-out`, `${this.#name}-audit`)
        await reader.until((deliveries) => new Set(deliveries.map(text)).size >= this.#sent.length)
        return compare(this.#sent, asWritten(reader.deliveries))
      }

      async [Symbol.asyncDispose](): Promise<void> {
        this.#stop.abort()
        await this.#workers.disposeAsync()
        await this.#feeding
        await this.bus[Symbol.asyncDispose]()
      }

      async #feed(): Promise<void> {
        for (let round = 0; !this.#stop.signal.aborted; round += 1) {
          const wave = numbered(`${this.#name}-in`, 12, 12, round)
          this.#sent.push(...wave)
          await this.bus.publish(wave)
          await sleep(25)
        }
      }
    }

    /** Holds the next commit; resolves when it is there. */
    const holdCommit = () =>
      new Promise<void>((resolve) => {
        proxy.judge = (apiKey) => {
          if (apiKey !== endTransaction) return 'pass'
          proxy.judge = () => 'pass'
          resolve()
          return 'hold'
        }
      })

    /** Loses the answer to every nth commit from now on; tells how many. */
    const loseAnswers = (nth: number) => {
      let commits = 0
      let lost = 0
      proxy.judge = (apiKey) => {
        if (apiKey !== endTransaction) return 'pass'
        commits += 1
        if (commits % nth !== 0) return 'pass'
        lost += 1
        return 'lose-answer'
      }
      return () => lost
    }

    it('kill -9 between sending outputs and committing them', async () => {
      await using stream = new Stream('kill')
      const seen = await stream.open()
      const worker = await stream.worker()
      await seen.count(50)
      await holdCommit()
      worker.signal('SIGKILL')
      await worker.exited
      await stream.worker()
      await seen.count(seen.deliveries.length + 50)
      expect(await stream.books()).toEqual(clean)
    })

    it(
      'workers that are killed, stopped and paused in turn, and a broker too, while answers are lost',
      async () => {
        await using stream = new Stream('any')
        const seen = await stream.open()
        loseAnswers(30)
        await stream.worker()
        const ends = [
          async (worker: Child) => worker.signal('SIGKILL'),
          async (worker: Child) => expect(await worker.stop()).toBe(0),
          async (worker: Child) => {
            worker.signal('SIGSTOP')
            // Longer than its session: the others go on with its partitions.
            await seen.count(seen.deliveries.length + 600)
            worker.signal('SIGCONT')
          },
          async () => {
            await broker.kill()
            await broker.start()
          },
        ]
        for (let round = 0; round < rounds; round += 1) {
          const worker = await stream.worker()
          await seen.count(seen.deliveries.length + 100)
          await ends[round % ends.length]!(worker)
        }
        await seen.count(seen.deliveries.length + 50)
        proxy.judge = () => 'pass'
        expect(await stream.books()).toEqual(clean)
      },
      timeout + rounds * 15_000,
    )

    it('a paused process that wakes with its commit half done, after others took over its partitions', async () => {
      await using stream = new Stream('zombie')
      const seen = await stream.open()
      const zombie = await stream.worker()
      await seen.count(50)
      await holdCommit()
      zombie.signal('SIGSTOP')
      await stream.worker()
      await seen.count(seen.deliveries.length + 200)
      proxy.release()
      zombie.signal('SIGCONT')
      await seen.count(seen.deliveries.length + 100)
      expect(await stream.books()).toEqual(clean)
    })

    it('answers to commits that are lost on the way', async () => {
      await using stream = new Stream('lost')
      const seen = await stream.open()
      await stream.worker()
      const lost = loseAnswers(5)
      while (lost() < 8) await seen.count(seen.deliveries.length + 10)
      proxy.judge = () => 'pass'
      expect(await stream.books()).toEqual(clean)
    })

    it('kill -9 of the broker and its return', async () => {
      await using stream = new Stream('broker')
      const seen = await stream.open()
      await stream.worker()
      await stream.worker()
      await seen.count(100)
      await broker.kill()
      await broker.start()
      await expect(stream.bus.assertTopics(['broker-in'])).resolves.toBeUndefined()
      await seen.count(seen.deliveries.length + 100)
      expect(await stream.books()).toEqual(clean)
    })

    it('ends a subscription when no broker answers any more', async () => {
      const topic = await createTopic({ brokers: [broker.address] })
      await using bus = new KafkaBus({ brokers: [broker.address], times: { ...quickTimes, silenceTimeoutMs: 1_000 } })
      const subscription = await bus.subscribe({ group: 'silence', topic, maxBatch: 1 }, async () => [])
      await broker.kill()
      await expect(subscription.closed).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' })
    })
  },
)
