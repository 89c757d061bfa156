import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { mendRequestQueue, type RequestQueue } from '@sightline/shared/bus/kafka/kafka-request-queue.ts'
import { describe, expect, it } from 'vitest'
import { Collector, numbered } from '../../../harness/bus/collector.ts'
import { requireService } from '../../../harness/services.ts'
import { createTopic, quickTimes } from './kafka-setup.ts'

const kafka = await requireService('kafka')

it.skipIf(kafka === undefined)('asks for no timer in the past, and Node.js warns of none', async () => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  const topic = await createTopic(kafka!)
  await using bus = new KafkaBus({ ...kafka!, times: quickTimes })
  await using reader = await Collector.on(bus, topic)
  await bus.publish(numbered(topic, 4, 40))
  await reader.count(40)
  await sleep(50)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})

describe('the queue', () => {
  const queueOf = (pending: readonly unknown[], throttledUntil: number) => {
    const looks: number[] = []
    const started = performance.now()
    const queue: RequestQueue = {
      pending,
      throttledUntil,
      throttleCheckTimeoutId: null,
      checkPendingRequests: () => looks.push(performance.now() - started),
      scheduleCheckPendingRequests: () => undefined,
    }
    mendRequestQueue(queue)
    return { queue, looks }
  }

  it('looks again only where something waits', async () => {
    const [idle, full] = [queueOf([], -1), queueOf(['request'], -1)]
    idle.queue.scheduleCheckPendingRequests()
    full.queue.scheduleCheckPendingRequests()
    full.queue.scheduleCheckPendingRequests()
    await sleep(100)
    expect([idle.looks.length, full.looks.length]).toEqual([0, 1])
  })

  it('waits until the broker wants to hear from us again', async () => {
    const { queue, looks } = queueOf(['request'], Date.now() + 150)
    queue.scheduleCheckPendingRequests()
    await sleep(300)
    expect(looks).toHaveLength(1)
    expect(looks[0]).toBeGreaterThan(140)
  })
})
