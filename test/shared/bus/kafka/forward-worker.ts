/** A process for fault tests: forwards one topic to another until it is killed, and ends with code 1 when its subscription does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { KafkaBus } from '@sightline/shared/bus/kafka/kafka-bus.ts'
import { describeError } from '@sightline/shared/errors/errors.ts'
import { forward } from '../../../harness/bus/collector.ts'
import { quickTimes } from './kafka-setup.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { brokers: text, group: text, from: text, to: text } })
const { brokers, group, from, to } = values as Record<keyof typeof values, string>

/** As long as a small inference, in ms. */
const workMs = 10

const bus = new KafkaBus({ brokers: brokers.split(','), times: quickTimes })
const subscription = await bus.subscribe({ group, topic: from, maxBatch: 10 }, async (batch, signal) => {
  await sleep(workMs)
  return forward(to)(batch, signal)
})
process.on('SIGTERM', () => void bus[Symbol.asyncDispose]())
process.stdout.write('ready\n')
try {
  await subscription.closed
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`)
  process.exit(1)
}
process.exit(0)
