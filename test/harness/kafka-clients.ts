/** Kafka clients that are not ours: what others publish and read with. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaJars } from './kafka-jars.ts'
import { pythonEnvironment } from './python-environment.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const requirements = join(root, 'examples', 'python', 'requirements.txt')
const foreign = join(root, 'test', 'foreign')

/** Null where kcat is there; else what is missing. */
export const kcatMissing = (): Promise<string | null> =>
  run('kcat', ['-V']).then(
    () => null,
    () => 'no kcat on the PATH',
  )

/** Null where Java programs can be run from their source; else what is missing. */
export const javaMissing = (): Promise<string | null> =>
  run('javac', ['-version']).then(
    () => null,
    () => 'no javac on the PATH to build a program with Kafka’s own client',
  )

/** The interpreter of an environment with the examples' requirements; rejects where it can't be made. */
export const pythonClient = (): Promise<string> => pythonEnvironment('python', requirements, 'confluent_kafka')

/** A message as a client can send it: anything but the offset is the sender's. */
export interface ForeignMessage {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** In place of the value: so many zero bytes. */
  readonly zeros?: number
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  /** ms since the epoch. */
  readonly timestamp?: number
}

/** What one producer sends, with its configuration as the client names it. */
export interface ForeignRun {
  readonly topic: string
  readonly config: Readonly<Record<string, string>>
  readonly steps: readonly ('begin' | 'commit' | 'abort' | ForeignMessage)[]
}

/** Runs producers one after the other; resolves when all that was not aborted is acknowledged. */
export type ForeignProducer = (brokers: readonly string[], runs: readonly ForeignRun[]) => Promise<void>

/** librdkafka's. */
export const pythonProducer =
  (interpreter: string): ForeignProducer =>
  (brokers, runs) =>
    send(interpreter, [join(foreign, 'produce.py')], brokers, runs)

/** Apache Kafka's own, from the broker's jars. */
export const javaProducer: ForeignProducer = async (brokers, runs) => {
  const options = ['-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${await kafkaJars()}/*`]
  await send('java', [...options, join(foreign, 'Produce.java')], brokers, runs)
}

async function send(
  command: string,
  args: readonly string[],
  brokers: readonly string[],
  runs: readonly ForeignRun[],
): Promise<void> {
  const base64 = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('base64')
  const step = (one: ForeignRun['steps'][number]) =>
    typeof one === 'string'
      ? one
      : {
          ...one,
          key: base64(one.key),
          value: base64(one.value),
          headers: one.headers.map(([name, value]) => [name, base64(value)]),
        }
  const plan = { brokers: brokers.join(','), runs: runs.map((one) => ({ ...one, steps: one.steps.map(step) })) }
  const running = run(command, args, { maxBuffer: 64 * 2 ** 20 })
  running.child.stdin!.end(JSON.stringify(plan))
  await running
}
